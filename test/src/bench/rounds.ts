import type { Row } from './report.js';

/** Something that is measured again in every round. */
export interface Contestant extends Omit<Row, 'rounds'> {
  measure(): Promise<number>;
  dispose?(): void;
}

/** How long contestants take turns. */
export interface Turns {
  /** Fewest rounds. */
  readonly rounds: number;
  /** Time for each contestant in all rounds, in seconds: further rounds begin until it is over. Default none. */
  readonly total?: number;
}

/**
 * All in turn within a round, so that a slow minute of the machine touches all alike, every second round in reverse, so that
 * neither does a machine that grows slower. What follows is compared round by round.
 */
export async function interleave(
  contestants: readonly Contestant[],
  { rounds, total = 0 }: Turns,
  progress: (text: string) => void,
): Promise<Row[]> {
  const end = performance.now() + 1000 * total * contestants.length;
  const rows = contestants.map(({ where, engine, variant, unit }) => ({
    where,
    engine,
    variant,
    unit,
    rounds: [] as number[],
  }));
  try {
    for (let round = 1; round <= rounds || performance.now() < end; round++) {
      const turns = [...contestants.entries()];
      if (round % 2 === 0) turns.reverse();
      for (const [i, contestant] of turns) rows[i]!.rounds.push(await contestant.measure());
      progress(round <= rounds ? `round ${round} of ${rounds} or more` : `round ${round}`);
    }
  } finally {
    for (const { dispose } of contestants) dispose?.();
  }
  return rows;
}

/**
 * A measurement after a shorter one that is not looked at: what the contestant before left in caches is no part of it.
 *
 * @param measure for at least so many seconds
 * @returns the shorter one where that has taken as long as was asked for
 */
export async function settled(measure: (seconds: number) => Promise<number>, seconds: number): Promise<number> {
  const start = performance.now();
  const first = await measure(seconds / 5);
  return performance.now() - start >= 1000 * seconds ? first : measure(seconds);
}

/** As many calls as fit into `seconds`, at least one; calls a second. */
export async function rate(call: () => unknown, seconds: number): Promise<number> {
  const start = performance.now();
  let calls = 0;
  do {
    await call();
    calls += 1;
  } while (performance.now() - start < seconds * 1000);
  return (calls * 1000) / (performance.now() - start);
}

/** The row of an engine and a variant; `undefined` where it was not measured. */
export function rowOf(rows: readonly Row[], engine: string, variant: string, where?: string): Row | undefined {
  return rows.find((row) => row.engine === engine && row.variant === variant && (where ?? row.where) === row.where);
}
