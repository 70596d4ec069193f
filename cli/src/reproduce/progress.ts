import { createLogUpdate } from 'log-update';
import colors from 'picocolors';
import type { ExperimentEvent, StartEvent } from '../events.js';
import { bytes, count, duration, number } from '../terminal/format.js';
import type { Job, JobEnd, JobWatcher } from './jobs.js';
import { Pace } from './pace.js';

type StepEvent = Extract<ExperimentEvent, { type: 'step' }>;

/** Shows how a whole table comes on; everything goes to standard error. */
export interface TableProgress extends JobWatcher {
  line(text: string): void;
  /** A row is being looked at before anything starts: the `index`th of `all`. */
  looking(name: string, index: number, all: number): void;
  /** Tells what is ahead: jobs that will run, so many at a time, each for `limit` seconds at most. */
  plan(jobs: readonly Job[], parallel: number, limit?: number): void;
  stop(): void;
}

interface Running {
  readonly job: Job;
  /** Runs of the job that have their result: one for each variant. */
  done: number;
  run?: StartEvent;
  step?: StepEvent;
  epoch?: number;
  valid?: string;
  scoring?: string;
}

/** Seconds after which a terminal shows the time anew. */
const tickSeconds = 1;

/**
 * Live lines on a terminal, renewed every second; elsewhere a line for what happens, and one for the whole every so often,
 * whether or not anything has happened.
 */
export function createTableProgress(stream: NodeJS.WriteStream, secondsBetweenLines = 30): TableProgress {
  return stream.isTTY ? new LiveTable(stream) : new PlainTable(stream, secondsBetweenLines);
}

abstract class Table implements TableProgress {
  readonly #running = new Map<string, Running>();
  readonly #pace = new Pace();
  readonly #began = performance.now();
  readonly #timer: NodeJS.Timeout;
  #looking: string | undefined;
  #planned = false;
  #all = 0;
  #done = 0;
  #failed = 0;

  constructor(seconds: number) {
    this.#timer = setInterval(() => this.tick(this.lines()), seconds * 1000);
    this.#timer.unref();
  }

  abstract line(text: string): void;
  /** Time has passed. */
  protected abstract tick(lines: readonly string[]): void;
  /** Something has happened that is shown where that costs no line. */
  protected abstract changed(lines: readonly string[]): void;

  looking(name: string, index: number, all: number): void {
    this.#looking = `looking at row ${index} of ${all}: ${name}`;
    this.changed(this.lines());
  }

  plan(jobs: readonly Job[], parallel: number, limit?: number): void {
    this.#planned = true;
    this.#looking = undefined;
    this.#all = jobs.length;
    this.#pace.plan(jobs, parallel, limit);
  }

  started(job: Job): void {
    const again = this.#running.has(job.id);
    this.#running.set(job.id, { job, done: 0 });
    this.#pace.started(job.id);
    this.line(`${nameOf(job)}  ${again ? 'was killed; goes on' : 'starts'}`);
  }

  waits(job: Job, needed: number, free: number): void {
    this.line(
      `${nameOf(job)}  waits for memory: about ${bytes(needed)}, ${bytes(Math.max(0, free))} left by the others`,
    );
  }

  event(job: Job, event: ExperimentEvent): void {
    const state = this.#running.get(job.id);
    if (state === undefined) return;
    switch (event.type) {
      case 'start':
        this.#running.set(job.id, { job, done: state.done, run: event });
        this.#pace.progressed(job.id, shareOf(this.#running.get(job.id)!));
        break;
      case 'step':
        state.step = event;
        this.#pace.progressed(job.id, shareOf(state));
        break;
      case 'epoch':
        Object.assign(state, { epoch: event.epoch, valid: number(event.valid.metric) });
        this.#pace.progressed(job.id, shareOf(state));
        break;
      case 'scoring':
        state.scoring = event.split;
        break;
      case 'result':
        state.done++;
        break;
    }
    this.changed(this.lines());
  }

  ended(job: Job, end: JobEnd, message: string): void {
    this.#running.delete(job.id);
    this.#pace.ended(job.id, end === 'finished' || end === 'out of time');
    if (end !== 'stopped') this.#done++;
    if (end === 'failed') this.#failed++;
    const shown = end === 'failed' ? colors.red(end) : end;
    this.line(`${nameOf(job)}  ${shown}${message === '' ? '' : `: ${message.split('\n').slice(0, 4).join(' ')}`}`);
    this.changed(this.lines());
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  protected lines(): readonly string[] {
    if (!this.#planned) return this.#looking === undefined ? [] : [this.#looking];
    const failed = this.#failed > 0 ? `, ${this.#failed} failed` : '';
    const elapsed = duration((performance.now() - this.#began) / 1000);
    const head = `${this.#done} of ${this.#all} runs done${failed}  ${elapsed} so far${remaining(this.#pace.total())}`;
    const rows = [...this.#running.values()].map((state) => {
      const time = duration(this.#pace.elapsed(state.job.id));
      return `${nameOf(state.job)}  ${time}  ${describe(state)}${remaining(this.#pace.left(state.job.id))}`;
    });
    return [head, ...rows];
  }
}

const nameOf = ({ planned, seed }: Job) => colors.cyan(`${planned.preset.name} seed ${seed}`);

const remaining = (seconds: number | undefined) => (seconds === undefined ? '' : `  about ${duration(seconds)} left`);

/** Part of a job that is behind it. */
function shareOf({ job, done, run, step, epoch = run?.resumedAt?.epoch ?? 0 }: Running): number {
  if (run === undefined) return 0;
  const within = step === undefined ? 0 : step.epoch - 1 + step.step / step.stepsPerEpoch;
  return Math.min(1, (done + Math.min(1, Math.max(epoch, within) / run.epochs)) / job.planned.rows.length);
}

function describe({ run, step, epoch, valid, scoring }: Running): string {
  if (run === undefined) return 'loading data';
  if (scoring !== undefined) return `scoring ${scoring}`;
  const { epochs, resumedAt } = run;
  const known = valid === undefined ? [] : [`valid ${valid}`];
  if (step === undefined) return [`epoch ${epoch ?? `${(resumedAt?.epoch ?? 0) + 1}`}/${epochs}`, ...known].join('  ');
  // Short epochs end without a report of a step.
  if (epoch !== undefined && epoch >= step.epoch) return [`epoch ${epoch}/${epochs}`, ...known].join('  ');
  const percent = Math.floor((100 * step.step) / step.stepsPerEpoch);
  const parts = [`epoch ${step.epoch}/${epochs}  ${percent} %`, `loss ${number(step.loss)}`, ...known];
  return [...parts, `${count(step.tokensPerSecond)} tokens/s`].join('  ');
}

class LiveTable extends Table {
  readonly #update;

  constructor(stream: NodeJS.WriteStream) {
    super(tickSeconds);
    this.#update = createLogUpdate(stream);
  }

  line(text: string): void {
    this.#update.persist(text);
  }

  protected changed(lines: readonly string[]): void {
    this.#update(lines.join('\n'));
  }

  protected tick(lines: readonly string[]): void {
    this.changed(lines);
  }

  override stop(): void {
    super.stop();
    this.#update.clear();
    this.#update.done();
  }
}

class PlainTable extends Table {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream, seconds: number) {
    super(seconds);
    this.#stream = stream;
  }

  line(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  protected changed(): void {}

  protected tick(lines: readonly string[]): void {
    if (lines.length > 0) this.line(lines.join('  |  '));
  }
}
