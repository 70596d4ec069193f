import type { InitializerSpec, OptionSchema, ParameterSpec } from '@rnnx/core';
import { initializerOrNull } from '@rnnx/core';

/** Options that every cell has. `null` leaves the start to the model's `init`. */
export interface InitOptions {
  readonly inputInit: InitializerSpec | null;
  readonly recurrentInit: InitializerSpec | null;
  readonly biasInit: InitializerSpec | null;
}

export const initOptions = {
  inputInit: initializerOrNull("start of the input weights; null for the model's init"),
  recurrentInit: initializerOrNull("start of the recurrent weights; null for the model's init"),
  biasInit: initializerOrNull("start of the biases; null for the model's init"),
} satisfies { [K in keyof InitOptions]: OptionSchema };

/** A parameter with the start that an option gives, if it gives one. */
export function parameter(
  name: string,
  shape: readonly number[],
  blocks: number,
  init: InitializerSpec | null,
  blockInit: Readonly<Record<number, InitializerSpec>> = {},
): ParameterSpec {
  return { name, shape, blocks, blockInit, ...(init === null ? {} : { init }) };
}
