import { type ExperimentInput, runExperiment } from 'rnnx';

const experiment: ExperimentInput = {
  dataset: 'grammar',
  model: { hiddenSize: 16 },
  regularizers: [{ name: 'noisin', distribution: 'gaussian', spread: 0.5 }],
  training: { epochs: 2 },
};
const controller = new AbortController();

for await (const event of runExperiment(experiment, { signal: controller.signal })) {
  if (event.type === 'step' && event.gradientNorm > 1e3) controller.abort();
  if (event.type === 'epoch') console.log(`epoch ${event.epoch}: perplexity ${event.valid.metric.toFixed(2)}`);
  if (event.type === 'result') console.log(`test perplexity ${event.result.scores.test.metric.toFixed(2)}`);
}
