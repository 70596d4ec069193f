import { createLogUpdate } from 'log-update';
import colors from 'picocolors';
import type { ExperimentEvent, StartEvent } from '../events.js';
import { count, duration, number } from '../terminal/format.js';
import type { Job, JobEnd, JobWatcher } from './jobs.js';

type StepEvent = Extract<ExperimentEvent, { type: 'step' }>;

/** Shows how a whole table comes on; everything goes to standard error. */
export interface TableProgress extends JobWatcher {
  line(text: string): void;
  /** Tells what is ahead: jobs that will run, and expected seconds. */
  plan(jobs: readonly Job[], parallel: number): void;
  stop(): void;
}

interface Running {
  readonly began: number;
  run?: StartEvent;
  step?: StepEvent;
  epoch?: number;
  valid?: string;
}

/** Live lines on a terminal; elsewhere a line for what happens, and one for the whole every so often. */
export function createTableProgress(stream: NodeJS.WriteStream, secondsBetweenLines = 30): TableProgress {
  return stream.isTTY ? new LiveTable(stream) : new PlainTable(stream, secondsBetweenLines * 1000);
}

abstract class Table implements TableProgress {
  readonly #running = new Map<string, { readonly job: Job; readonly state: Running }>();
  readonly #left = new Map<string, number>();
  #all = 0;
  #done = 0;
  #failed = 0;
  #parallel = 1;

  abstract line(text: string): void;
  protected abstract transient(lines: readonly string[]): void;
  abstract stop(): void;

  plan(jobs: readonly Job[], parallel: number): void {
    this.#all = jobs.length;
    this.#parallel = parallel;
    for (const { id, expected } of jobs) this.#left.set(id, expected ?? 0);
  }

  started(job: Job): void {
    const again = this.#running.has(job.id);
    this.#running.set(job.id, { job, state: { began: performance.now() } });
    this.line(`${nameOf(job)}  ${again ? 'was killed; goes on' : 'starts'}`);
  }

  event(job: Job, event: ExperimentEvent): void {
    const state = this.#running.get(job.id)?.state;
    if (state === undefined) return;
    if (event.type === 'start') state.run = event;
    if (event.type === 'step') state.step = event;
    if (event.type === 'epoch') Object.assign(state, { epoch: event.epoch, valid: number(event.valid.metric) });
    if (event.type === 'step' || event.type === 'epoch') this.transient(this.#lines());
  }

  ended(job: Job, end: JobEnd, message: string): void {
    this.#running.delete(job.id);
    this.#left.delete(job.id);
    if (end !== 'stopped') this.#done++;
    if (end === 'failed') this.#failed++;
    const shown = end === 'failed' ? colors.red(end) : end;
    this.line(`${nameOf(job)}  ${shown}${message === '' ? '' : `: ${message.split('\n').slice(0, 4).join(' ')}`}`);
    this.transient(this.#lines());
  }

  #lines(): readonly string[] {
    const rows = [...this.#running.values()].map(({ job, state }) => `${nameOf(job)}  ${describe(state)}`);
    const failed = this.#failed > 0 ? `, ${this.#failed} failed` : '';
    const seconds = [...this.#left].reduce((sum, [id, expected]) => sum + expected * (1 - this.#share(id)), 0);
    const left = seconds > 0 ? `  about ${duration(seconds / this.#parallel)} left` : '';
    return [`${this.#done} of ${this.#all} runs done${failed}${left}`, ...rows];
  }

  /** Part of a running job that is behind it. */
  #share(id: string): number {
    const { step, run, epoch = 0 } = this.#running.get(id)?.state ?? {};
    if (run === undefined) return 0;
    const within = step === undefined ? 0 : step.epoch - 1 + step.step / step.stepsPerEpoch;
    return Math.min(1, Math.max(epoch, within) / run.epochs);
  }
}

const nameOf = ({ planned, seed }: Job) => colors.cyan(`${planned.preset.name} seed ${seed}`);

function describe({ began, run, step, epoch, valid }: Running): string {
  if (step === undefined && epoch !== undefined) return `epoch ${epoch}/${run?.epochs ?? '?'}  valid ${valid}`;
  if (step === undefined) return `${duration((performance.now() - began) / 1000)}  preparing`;
  const percent = Math.floor((100 * step.step) / step.stepsPerEpoch);
  const parts = [`epoch ${step.epoch}/${run?.epochs ?? '?'}  ${percent} %`, `loss ${number(step.loss)}`];
  if (valid !== undefined) parts.push(`valid ${valid}`);
  return [...parts, `${count(step.tokensPerSecond)} tokens/s`].join('  ');
}

class LiveTable extends Table {
  readonly #update;

  constructor(stream: NodeJS.WriteStream) {
    super();
    this.#update = createLogUpdate(stream);
  }

  line(text: string): void {
    this.#update.persist(text);
  }

  protected transient(lines: readonly string[]): void {
    this.#update(lines.join('\n'));
  }

  stop(): void {
    this.#update.clear();
    this.#update.done();
  }
}

class PlainTable extends Table {
  readonly #stream: NodeJS.WriteStream;
  readonly #interval: number;
  #last = performance.now();

  constructor(stream: NodeJS.WriteStream, interval: number) {
    super();
    this.#stream = stream;
    this.#interval = interval;
  }

  line(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  protected transient(lines: readonly string[]): void {
    const now = performance.now();
    if (now - this.#last < this.#interval) return;
    this.#last = now;
    this.line(lines.join('  |  '));
  }

  stop(): void {}
}
