import type { AnyPlugin, PluginRef, Site } from '@rnnx/core';
import type { TaskKind } from '../rig.js';
import type { Case, Claims, Options } from '../subject.js';

/** One answer for every site, or one a site. */
export type PerSite<T extends string> = T | Readonly<Partial<Record<Site, T>>>;

export interface RegularizerCase extends Case {
  /** Where these options act; empty for a penalty alone. */
  readonly sites: readonly Site[];
  /**
   * How long a draw lasts. Must be given where noise is drawn. A word stands for every site of the case but `embedding` and
   * `initial`, which are drawn once a minibatch in any case.
   */
  readonly lifetime?: PerSite<'step' | 'sequence'>;
  /**
   * Whether the examples of a minibatch have draws of their own. Must be given where noise is drawn, but for weights, which
   * all examples share; a word stands for every other site.
   */
  readonly sharing?: PerSite<'example' | 'batch'>;
  /**
   * Whether, at each site, training equals evaluation on average: E scale = 1, E shift = 0, E retain = that of evaluation,
   * E map(x) = x or the map of evaluation. Must be given where noise is drawn.
   */
  readonly unbiased?: boolean;
  /** The same draw is meant to act in several places (default: false). */
  readonly tied?: boolean;
  /** Why the gradient is meant to differ from that of the loss (noise in the backward pass only); skips that comparison. */
  readonly otherGradient?: string;
  /** Default: the first of the contract's cells. */
  readonly cell?: PluginRef;
  /** Default: tokens. */
  readonly task?: TaskKind;
}

export interface RegularizerClaims extends Claims<RegularizerCase> {
  /** Options under which it does nothing at all, such as a rate of zero; `null` where it has none. */
  readonly identity: Options | null;
  /** Examples that a minibatch must have, such as 2 for batch statistics; default 1. */
  readonly minimumBatch?: number;
  /** Cells in which it must work; default: the kit's LSTM, which has every site. */
  readonly cells?: readonly PluginRef[];
  /** Backends that must agree, those of them that work here; default: cpu and wasm. */
  readonly backends?: readonly AnyPlugin[];
}

/** The answer for a site. */
export function answer<T extends string>(claim: PerSite<T> | undefined, site: Site): T | undefined {
  return typeof claim === 'object' ? claim[site] : claim;
}
