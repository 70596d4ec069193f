import type { AnyPlugin } from '@rnnx/core';
import type { TaskKind } from '../rig.js';
import type { Case, Claims } from '../subject.js';

export interface CellCase extends Case {
  /**
   * States that go on to the next step by a path of their own, past every recurrent product: `c` of an LSTM, `h` of a GRU,
   * none of a simple network. A mask of the operand leaves these paths whole.
   */
  readonly carries: readonly string[];
  /** Default: tokens. */
  readonly task?: TaskKind;
}

export interface CellClaims extends Claims<CellCase> {
  /** Backends that must agree, those of them that work here; default: cpu and wasm. */
  readonly backends?: readonly AnyPlugin[];
}
