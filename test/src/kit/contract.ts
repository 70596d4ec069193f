import * as tf from '@tensorflow/tfjs';
import { onCpu } from './backends.js';
import { NotApplicable } from './outcome.js';

/** What every contract knows about the plugin under test. */
export interface Named {
  /** For messages: `regularizer "dropout"`. */
  readonly title: string;
}

/** One promise of a contract. `check` resolves where it holds. */
export interface Invariant<S extends Named> {
  /** Short, lower case with hyphens; messages begin with it. */
  readonly name: string;
  /** What is promised, as a sentence that follows "it". */
  readonly statement: string;
  /** Errors: ContractViolation, NotApplicable. */
  check(subject: S): Promise<void>;
}

/** A plugin broke a promise, or claimed something that the kit cannot see. */
export class ContractViolation extends Error {
  readonly invariant: string;

  constructor(invariant: string, title: string, cause: unknown) {
    const what = cause instanceof Error ? cause.message : String(cause);
    super(`[${invariant}] ${title}: ${what}`, { cause });
    this.name = 'ContractViolation';
    this.invariant = invariant;
  }
}

/**
 * @param check throws where the promise is broken. It begins on the cpu backend; tensors that it makes are disposed of
 *   afterwards, unless kept
 */
export function invariant<S extends Named>(
  name: string,
  statement: string,
  check: (subject: S) => Promise<void>,
): Invariant<S> {
  return {
    name,
    statement,
    async check(subject) {
      tf.engine().startScope(name);
      try {
        await onCpu(() => check(subject));
      } catch (error) {
        if (error instanceof NotApplicable) throw error;
        throw new ContractViolation(name, subject.title, error);
      } finally {
        tf.engine().endScope();
      }
    },
  };
}

/** Outcome of one invariant, for programs that run a contract outside mocha. */
export interface Verdict {
  readonly invariant: string;
  readonly outcome: 'holds' | 'broken' | 'not-applicable';
  /** Why not, where it does not hold. */
  readonly message: string;
}

export async function verdicts<S extends Named>(
  invariants: readonly Invariant<S>[],
  prepare: () => S,
): Promise<Verdict[]> {
  const found: Verdict[] = [];
  for (const { name, check } of invariants) {
    try {
      await check(prepare());
      found.push({ invariant: name, outcome: 'holds', message: '' });
    } catch (error) {
      const outcome = error instanceof NotApplicable ? 'not-applicable' : 'broken';
      found.push({ invariant: name, outcome, message: error instanceof Error ? error.message : String(error) });
    }
  }
  return found;
}

/** A mocha suite with one test an invariant. */
export function suite<S extends Named>(title: string, invariants: readonly Invariant<S>[], prepare: () => S): void {
  describe(title, () => {
    for (const { name, statement, check } of invariants)
      it(`${name}: ${statement}`, async function () {
        this.timeout(120_000);
        try {
          await check(prepare());
        } catch (error) {
          if (error instanceof NotApplicable) this.skip();
          throw error;
        }
      });
  });
}
