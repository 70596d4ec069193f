import type { CellLayout } from '../contracts/cell.js';
import type { ClozeTask } from '../contracts/cloze.js';
import type { Task } from '../contracts/dataset-provider.js';
import type { LayerShape } from '../contracts/regularizer.js';
import { RnnxError } from '../errors.js';
import type { ModelConfig } from '../experiment/config.js';

/** Sizes of a layer as regularizers see them. Errors: RNNX_SHAPE_MISMATCH. */
export function layerShape(layout: CellLayout, inputSize: number, hiddenSize: number): LayerShape {
  const named = (name: string) => {
    const spec = layout.parameters.find((parameter) => parameter.name === name);
    if (spec === undefined)
      throw new RnnxError(
        'RNNX_SHAPE_MISMATCH',
        `The cell's layout names a weight "${name}" that it does not declare`,
        {
          expected: layout.parameters.map((parameter) => parameter.name).join(', '),
          remedy: 'declare it in the parameters of the cell’s build',
        },
      );
    return { name, shape: spec.shape };
  };
  return {
    inputSize,
    hiddenSize,
    gates: layout.gates.length,
    inputWeight: named(layout.inputWeight),
    recurrentWeights: layout.recurrentWeights.map(named),
  };
}

/** What a stack of layers serves. */
export type StackedTask = Exclude<Task, ClozeTask>;

/** Widths of the first layer's input (`undefined`: the embedding's) and of the output layer, as a task asks for them. */
export function taskWidths(task: StackedTask): { readonly input: number | undefined; readonly output: number } {
  switch (task.kind) {
    case 'language-model':
      return { input: undefined, output: task.vocabulary.symbols.length };
    case 'frames':
      return { input: task.size, output: task.size };
    case 'classification':
      return { input: task.size, output: task.classes.length };
  }
}

/** Errors: RNNX_OPTION_CONFLICT. */
export function checkTying(config: ModelConfig, tokens: boolean): void {
  const { tied, hiddenSize, embeddingSize } = config;
  if (!tied || !tokens) return;
  if (embeddingSize !== null && embeddingSize !== hiddenSize)
    throw new RnnxError('RNNX_OPTION_CONFLICT', 'Tied weights need an embedding as wide as the hidden state', {
      got: `embeddingSize ${embeddingSize}, hiddenSize ${hiddenSize}`,
      expected: 'the same number, or "tied": false',
      remedy: 'set model.embeddingSize to null or model.tied to false',
    });
}
