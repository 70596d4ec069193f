import type { ExperimentInput } from '@rnnx/core';
import type { ExperimentEvent, Preset } from 'rnnx';
import type { Job, JobEnd } from '../../../../cli/dist/reproduce/jobs.js';
import type { TableProgress } from '../../../../cli/dist/reproduce/progress.js';
import { type ReproduceOptions, type Reproduction, reproduce } from '../../../../cli/dist/reproduce/reproduce.js';
import { tiny } from '../helpers.js';

/** A row of a paper that there is not, trained in a second. */
export function tinyPreset(name: string, config: Partial<ExperimentInput> = {}): Preset {
  return {
    name,
    title: name,
    summary: name,
    paper: { key: 'tiny', title: 'A tiny <paper> & its rows', table: 'Table 1', row: `row ${name}` },
    choices: [
      { name: 'seed | pipe', text: 'One <that> all rows share.' },
      { name: 'own', text: `Chosen for ${name}.` },
    ],
    published: [
      { split: 'valid', metric: 'perplexity', value: 60 },
      { split: 'test', metric: 'perplexity', value: 50 },
    ],
    config: { ...tiny, training: { ...tiny.training, epochs: 4 }, ...config, name },
  };
}

/** What a reproduction did, told by its progress. */
export class Diary implements TableProgress {
  readonly lines: string[] = [];
  readonly started_: string[] = [];
  readonly ends: Record<string, JobEnd> = {};
  readonly #onEvent: (event: ExperimentEvent, job: Job, pid: number) => void;
  readonly #pids = new Map<string, number>();

  constructor(onEvent: (event: ExperimentEvent, job: Job, pid: number) => void = () => {}) {
    this.#onEvent = onEvent;
  }

  line(text: string): void {
    this.lines.push(text);
  }

  looking(): void {}
  plan(): void {}
  stop(): void {}

  waits(job: Job): void {
    this.lines.push(`${nameOf(job)} waits`);
  }

  started(job: Job, pid: number): void {
    this.started_.push(nameOf(job));
    this.#pids.set(job.id, pid);
  }

  event(job: Job, event: ExperimentEvent): void {
    this.#onEvent(event, job, this.#pids.get(job.id)!);
  }

  ended(job: Job, end: JobEnd): void {
    this.ends[nameOf(job)] = end;
  }
}

const nameOf = ({ planned, seed }: Job) => `${planned.preset.name} ${seed}`;

export function reproduceTiny(
  out: string,
  presets: readonly Preset[],
  options: Partial<ReproduceOptions> = {},
  diary = new Diary(),
): Promise<Reproduction> {
  const { signal } = new AbortController();
  const command = 'npx rnnx reproduce tiny';
  return reproduce({ paper: 'tiny', seeds: 1, jobs: 1, out, presets, command, signal, ...options }, diary);
}
