import type { LoadContext } from '@rnnx/core';
import type { Case, Claims } from '../subject.js';

export interface DatasetCase extends Case {
  /** Where the data lie; every load is offline unless this says otherwise, with a cache folder that does not exist. */
  readonly context?: Partial<LoadContext>;
}

export interface DatasetClaims extends Claims<DatasetCase> {
  /** Context of every case that has none. */
  readonly context?: Partial<LoadContext>;
}
