import type { Task } from '../contracts/dataset-provider.js';
import { toScore } from './evaluate.js';
import type { StepEvent } from './events.js';
import type { Progress } from './snapshot.js';
import type { Stopwatch } from './stopwatch.js';
import type { UpdateReport } from './update.js';

/** A step whose loss may still be on its way from the device. */
interface TakenStep {
  readonly step: number;
  readonly globalStep: number;
  /** Predictions. */
  readonly count: number;
  /** Tokens or frames. */
  readonly read: number;
  readonly report: PromiseLike<UpdateReport>;
}

interface EpochUnderWay {
  readonly epoch: number;
  readonly stepsPerEpoch: number;
  readonly reportEvery: number;
  readonly task: Task;
  readonly progress: { -readonly [K in keyof Progress]: Progress[K] };
  readonly watch: Stopwatch;
}

/** Totals since the last report, before anything has happened. */
const nothing = { nll: 0, errors: 0, count: 0, read: 0 };

/** Steps of an epoch that were taken and not yet counted, oldest first; and what those that were add up to. */
export class StepsUnderWay {
  readonly #waiting: TakenStep[] = [];
  #since = nothing;
  /** What the watch showed at the last report. */
  #began = 0;

  constructor(private readonly of: EpochUnderWay) {}

  push(step: TakenStep): void {
    this.#waiting.push(step);
  }

  /**
   * Counts steps in the progress until `most` are left, and reports every `reportEvery`-th.
   *
   * Errors: the first step's that failed, after the events of those before it.
   */
  async *settle(most: number): AsyncGenerator<StepEvent, void> {
    const { epoch, stepsPerEpoch, reportEvery, task, progress, watch } = this.of;
    while (this.#waiting.length > most) {
      const { step, globalStep, count, read, report } = this.#waiting[0]!;
      const { nll, errors, gradientNorm } = await watch.during(() => report);
      this.#waiting.shift();
      progress.epochNll += nll;
      progress.epochCount += count;
      progress.epochErrors += errors;
      const { nll: sum, ...since } = this.#since;
      this.#since = {
        nll: sum + nll,
        errors: since.errors + errors,
        count: since.count + count,
        read: since.read + read,
      };
      if (step % reportEvery !== 0) continue;
      const { nll: loss, metric } = toScore(this.#since, task);
      const tokensPerSecond = this.#since.read / (watch.total - this.#began);
      this.#since = nothing;
      this.#began = watch.total;
      const { learningRate } = progress;
      yield {
        type: 'step',
        epoch,
        step,
        stepsPerEpoch,
        globalStep,
        loss,
        metric,
        gradientNorm,
        learningRate,
        tokensPerSecond,
      };
    }
  }

  /** Waits until the device has told of all steps, whatever it tells. */
  async over(): Promise<void> {
    await Promise.allSettled(this.#waiting.map(({ report }) => report));
  }
}
