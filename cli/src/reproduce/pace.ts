/** How far a job was at a time. */
interface Sample {
  readonly time: number;
  readonly share: number;
}

interface Running {
  readonly began: number;
  samples: Sample[];
}

/** A job as far as time is concerned. */
export interface Expected {
  readonly id: string;
  /** Seconds that the whole of it should take; `null` where that is not known. */
  readonly expected: number | null;
}

/** The rate is that of the last so many seconds, so that it follows the load of the machine. */
const windowSeconds = 120;

/**
 * How long jobs still take: each from its own rate, those that wait from their estimates times how the others kept to
 * theirs, so that it is as wrong as the estimates at first and gets better.
 */
export class Pace {
  readonly #now: () => number;
  readonly #waiting = new Map<string, number | null>();
  readonly #running = new Map<string, Running>();
  readonly #expected = new Map<string, number | null>();
  #parallel = 1;
  #limit = Number.POSITIVE_INFINITY;
  /** Of jobs that have ended: what they took, and what was expected of them. */
  #took = 0;
  #estimated = 0;

  /** @param now seconds of a clock */
  constructor(now: () => number = () => performance.now() / 1000) {
    this.#now = now;
  }

  /** @param limit seconds that one job may take */
  plan(jobs: readonly Expected[], parallel: number, limit = Number.POSITIVE_INFINITY): void {
    this.#parallel = parallel;
    this.#limit = limit;
    for (const { id, expected } of jobs) {
      this.#expected.set(id, expected);
      this.#waiting.set(id, expected);
    }
  }

  started(id: string): void {
    this.#waiting.delete(id);
    this.#running.set(id, { began: this.#now(), samples: [] });
  }

  /** @param share of the job that is behind it, from 0 to 1 */
  progressed(id: string, share: number): void {
    const running = this.#running.get(id);
    const last = running?.samples.at(-1);
    if (running === undefined || (last !== undefined && share <= last.share)) return;
    const time = this.#now();
    const recent = running.samples.filter((sample) => sample.time >= time - windowSeconds);
    // One that reports seldom has at least its last report.
    running.samples = [...(recent.length > 0 || last === undefined ? recent : [last]), { time, share }];
  }

  /** @param whole whether it took the time that such a job takes: no failure, no interruption */
  ended(id: string, whole: boolean): void {
    const running = this.#running.get(id);
    const expected = this.#expected.get(id);
    this.#running.delete(id);
    this.#waiting.delete(id);
    if (running === undefined || !whole || !expected) return;
    this.#took += this.#now() - running.began;
    this.#estimated += Math.min(expected, this.#limit);
  }

  /** Since a process began to work on it. */
  elapsed(id: string): number {
    const running = this.#running.get(id);
    return running === undefined ? 0 : this.#now() - running.began;
  }

  /** Seconds that a running job still takes; `undefined` where nothing tells. */
  left(id: string): number | undefined {
    const running = this.#running.get(id);
    if (running === undefined) return undefined;
    const elapsed = this.#now() - running.began;
    const left = this.#fromRate(running) ?? this.#fromEstimate(id, running);
    return left === undefined ? undefined : Math.max(0, Math.min(left, this.#limit - elapsed));
  }

  /** Seconds until all is done; `undefined` where nothing tells. */
  total(): number | undefined {
    const left = [...this.#running.keys()].map((id) => this.left(id));
    const correction = this.#correction();
    const ahead = [...this.#waiting.values()].map((expected) =>
      expected === null ? undefined : Math.min(expected * correction, this.#limit),
    );
    const known = [...left, ...ahead].filter((seconds) => seconds !== undefined);
    if (known.length === 0) return undefined;
    const sum = known.reduce((all, seconds) => all + seconds, 0);
    const lanes = Math.min(this.#parallel, known.length);
    return Math.max(sum / lanes, ...left.map((seconds) => seconds ?? 0));
  }

  /** Loading is no part of an estimate; one that has been exceeded tells nothing. */
  #fromEstimate(id: string, { samples: [first] }: Running): number | undefined {
    const expected = this.#expected.get(id);
    if (!expected) return undefined;
    const left = expected * this.#correction() - (first === undefined ? 0 : this.#now() - first.time);
    return left > 0 ? left : undefined;
  }

  #fromRate({ samples }: Running): number | undefined {
    const [first, last] = [samples[0], samples.at(-1)];
    if (first === undefined || last === undefined || first === last) return undefined;
    const rate = (last.share - first.share) / (last.time - first.time);
    return (1 - last.share) / rate - (this.#now() - last.time);
  }

  /** What jobs took, or will at their rate, over what was expected of them. */
  #correction(): number {
    let [took, estimated] = [this.#took, this.#estimated];
    for (const [id, running] of this.#running) {
      const [expected, { samples }] = [this.#expected.get(id), running];
      const [first, last] = [samples[0], samples.at(-1)];
      if (!expected || first === undefined || last === undefined || first === last) continue;
      took += Math.min((last.time - first.time) / (last.share - first.share), this.#limit);
      estimated += Math.min(expected, this.#limit);
    }
    return took > 0 && estimated > 0 ? took / estimated : 1;
  }
}
