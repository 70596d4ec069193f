/** Compiled, never run: each `@ts-expect-error` line must be an error, and the lines without must not be. */
import { Backend, Cell, DatasetProvider, NoiseDistribution, Regularizer, type Token, token } from '@rnnx/core';

declare function resolve<T>(wanted: Token<T>): T;

const cell: Cell = resolve(Cell);
const regularizer: Regularizer = resolve(Regularizer);
const noise: NoiseDistribution = resolve(NoiseDistribution);
const dataset: DatasetProvider = resolve(DatasetProvider);
const backend: Backend = resolve(Backend);

// @ts-expect-error the token of another interface
const wrong: Cell = resolve(Backend);

const own = token<{ readonly size: number }>('Own');
const size: number = resolve(own).size;
// @ts-expect-error what the token stands for has no colour
const colour = resolve(own).colour;

// @ts-expect-error a token is no string
const text: string = Cell;

export default [cell, regularizer, noise, dataset, backend, wrong, size, colour, text];
