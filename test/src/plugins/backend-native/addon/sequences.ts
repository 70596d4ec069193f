/** Every cell with perturbations everywhere, as one kernel and composed: the largest difference of anything computed. */
import { useBackend } from '../../../support/backend.js';
import {
  difference,
  everywhere,
  type FusedCellName,
  fusedCells,
  runSequence,
  sequenceInputs,
} from '../../../support/sequences.js';

await useBackend('native');
const worst: Record<string, number> = {};
for (const cell of Object.keys(fusedCells) as FusedCellName[]) {
  worst[cell] = 0;
  for (const units of [1, 7, 16, 37, 131]) {
    const at = { cell, steps: 3, batch: 5, units, perturbations: everywhere(cell, units % 2 === 1), seed: units };
    const inputs = sequenceInputs(at);
    const [fused, composed] = [runSequence(at, inputs, true), runSequence(at, inputs, false)];
    for (const [name, expected] of Object.entries(composed))
      worst[cell] = Math.max(worst[cell], difference(await fused[name]!.data(), await expected.data()));
  }
}
console.log(JSON.stringify(worst));
