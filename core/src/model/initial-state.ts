import * as tf from '@tensorflow/tfjs';
import type { Cell, CellState } from '../contracts/cell.js';
import type { ParameterSpec, Weights } from '../contracts/parameters.js';
import type { ModelConfig } from '../experiment/config.js';

/**
 * Parameters of a learned initial state (Cooijmans et al. 2016, below equation 4): one vector `[H]` for each state of a
 * layer, zero at the start of training. A variance (fast dropout) is none: the first state is known exactly.
 */
export function initialStateSpecs({ initialState, hiddenSize }: ModelConfig, cell: Cell): ParameterSpec[] {
  if (initialState === 'zero') return [];
  return cell.stateNames
    .filter((name) => name !== cell.moments?.varianceState)
    .map((name) => ({ name: `initial/${name}`, shape: [hiddenSize], init: { name: 'zeros' } }));
}

/**
 * The state that a layer begins a minibatch with: where the minibatch begins a sequence, its learned vectors on top of the
 * given state, which is zero there.
 *
 * @param weights of the layer
 */
export function beginState(
  { initialState }: ModelConfig,
  state: CellState,
  weights: Weights,
  { start = 0 }: { readonly start?: number },
): CellState {
  if (initialState === 'zero' || start > 0) return state;
  const begun = Object.entries(state).map(([name, tensor]) => {
    const vector = weights[`initial/${name}`];
    return [name, vector === undefined ? tensor : tf.add(tensor, vector)] as const;
  });
  return Object.fromEntries(begun) as CellState;
}
