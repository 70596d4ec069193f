import type { LoadProgress, Task } from '@rnnx/core';
import { createLogUpdate } from 'log-update';
import colors from 'picocolors';
import type { ExperimentEvent, RunId, StartEvent } from '../events.js';
import { describeEstimate } from './estimate.js';
import { bytes, count, duration, metricLabels, number } from './format.js';

/** What is read one by one. */
const read: Readonly<Record<Task['metric'], string>> = {
  perplexity: 'tokens',
  'bits-per-character': 'tokens',
  'nll-per-step': 'frames',
  'error-rate': 'steps',
};

type StepEvent = Extract<ExperimentEvent, { type: 'step' }>;

/** Shows events to people; everything goes to standard error, which leaves standard output to results. */
export interface Reporter {
  event(event: ExperimentEvent): void;
  download(progress: LoadProgress): void;
  /** Leaves the terminal as it was. */
  stop(): void;
}

export const silent: Reporter = { event() {}, download() {}, stop() {} };

/** One live line on a terminal; elsewhere a line every so often. */
export function createReporter(stream: NodeJS.WriteStream, secondsBetweenLines = 10): Reporter {
  return stream.isTTY ? new LiveReporter(stream) : new PlainReporter(stream, secondsBetweenLines * 1000);
}

abstract class LineReporter implements Reporter {
  #started: StartEvent | undefined;
  #runsLeft = 0;
  #clock: { readonly time: number; readonly done: number } | undefined;

  event(event: ExperimentEvent): void {
    switch (event.type) {
      case 'plan':
        this.#runsLeft = event.runs.length;
        this.line(`${event.name}: ${event.runs.length} ${event.runs.length === 1 ? 'run' : 'runs'}`);
        if (event.folder !== null) this.line(`writing to ${event.folder}`);
        return;
      case 'start':
        this.#started = event;
        this.#clock = undefined;
        this.#runsLeft--;
        this.line(
          `${runName(event.run)}  ${event.dataset}, ${count(event.parameters)} parameters, backend ${event.backend}`,
        );
        if (event.estimate !== undefined && event.resumedAt === null)
          this.line(`${runName(event.run)}  ${describeEstimate(event.estimate)}`);
        if (event.resumedAt !== null)
          this.line(
            `${runName(event.run)}  goes on after epoch ${event.resumedAt.epoch}, step ${event.resumedAt.step}`,
          );
        return;
      case 'step':
        this.transient(this.#describeStep(event));
        return;
      case 'epoch': {
        const { metric = 'perplexity', epochs = 0 } = this.#started ?? {};
        const scalars = Object.entries(event.scalars).map(([name, value]) => `  ${name} ${number(value)}`);
        this.line(
          `${runName(event.run)}  epoch ${event.epoch}/${epochs}  ${metricLabels[metric]} train ${number(event.train.metric)} ` +
            `valid ${number(event.valid.metric)}${event.best ? ' (best)' : ''}  rate ${number(event.learningRate)}` +
            `${scalars.join('')}  ${duration(event.seconds)}`,
        );
        return;
      }
      case 'scoring':
        this.transient(`${runName(event.run)}  scoring ${event.split}`);
        return;
      case 'result':
        if (event.earlier) {
          this.#runsLeft--;
          this.line(`${runName(event.run)}  has finished before`);
        }
        return;
      case 'end':
        if (event.reason === 'early-stopping')
          this.line(`${runName(event.run)}  stopped early; best epoch ${event.bestEpoch}`);
        return;
      case 'checkpoint':
      case 'done':
        return;
    }
  }

  download({ label, received, total }: LoadProgress): void {
    this.transient(`${label}  ${bytes(received)}${total === undefined ? '' : ` of ${bytes(total)}`}`);
  }

  #describeStep(event: StepEvent): string {
    const { metric = 'perplexity', epochs = event.epoch } = this.#started ?? {};
    const done = (event.epoch - 1) * event.stepsPerEpoch + event.step;
    const all = epochs * event.stepsPerEpoch;
    const now = performance.now();
    this.#clock ??= { time: now, done };
    const perStep = (now - this.#clock.time) / 1000 / (done - this.#clock.done);
    const left = perStep * (all - done + this.#runsLeft * all);
    return [
      `${runName(event.run)}  epoch ${event.epoch}/${epochs}`,
      `${Math.floor((100 * event.step) / event.stepsPerEpoch)} %`,
      `loss ${number(event.loss)}`,
      ...(metric === 'nll-per-step' ? [] : [`${metricLabels[metric as Task['metric']]} ${number(event.metric)}`]),
      `${count(event.tokensPerSecond)} ${read[metric]}/s`,
      ...(Number.isFinite(left) ? [`${duration(left)} left`] : []),
    ].join('  ');
  }

  abstract line(text: string): void;
  abstract transient(text: string): void;
  abstract stop(): void;
}

function runName({ variant, seed }: RunId): string {
  return colors.cyan(`${variant} seed ${seed}`);
}

class LiveReporter extends LineReporter {
  readonly #update;

  constructor(stream: NodeJS.WriteStream) {
    super();
    this.#update = createLogUpdate(stream);
  }

  line(text: string): void {
    this.#update.persist(text);
  }

  transient(text: string): void {
    this.#update(text);
  }

  stop(): void {
    this.#update.clear();
    this.#update.done();
  }
}

class PlainReporter extends LineReporter {
  readonly #stream: NodeJS.WriteStream;
  readonly #interval: number;
  #last = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream, interval: number) {
    super();
    this.#stream = stream;
    this.#interval = interval;
  }

  line(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  transient(text: string): void {
    const now = performance.now();
    if (now - this.#last < this.#interval) return;
    this.#last = now;
    this.line(text);
  }

  stop(): void {}
}
