import { join } from 'node:path';
import type { Preset } from '@rnnx/presets';
import { lookUpPreset } from '../config/presets.js';
import type { HostOptions } from '../host.js';
import { makeFolder, writeJson } from '../run-folder/files.js';
import type { Job } from './jobs.js';
import type { PlannedPreset, RowSettings } from './rows.js';

/**
 * `rnnx run` with what makes a job: its preset by name, or as a file where the preset is none of ours.
 *
 * Errors: RNNX_RUN_UNWRITABLE.
 */
export async function beginArguments(
  { id, folder, planned, seed, reportEvery }: Job,
  { out, backend, epochs }: Pick<RowSettings, 'backend' | 'epochs'> & { readonly out: string },
): Promise<readonly string[]> {
  const end = [
    ...(reportEvery === undefined ? [] : ['--set', `training.reportEvery=${reportEvery}`]),
    ...['--seed', String(seed), '--out', folder],
  ];
  if (isOurs(planned.drawn?.of ?? planned.preset))
    return ['run', ...presetArguments(planned, { backend, epochs }), ...end];
  const file = join(out, 'configs', `${id}.json`);
  await makeFolder(join(out, 'configs'));
  await writeJson(file, planned.input);
  return ['run', '--config', file, ...end];
}

/** The command with which a reader repeats a row. */
export function rowCommand(
  planned: PlannedPreset,
  settings: Pick<RowSettings, 'backend' | 'epochs' | 'seeds'>,
): string {
  const seeds = Array.from({ length: settings.seeds }, (_, i) => `--seed ${i + 1}`);
  return ['npx rnnx run', ...presetArguments(planned, settings), ...seeds].join(' ');
}

function presetArguments(
  { preset, rows, drawn }: PlannedPreset,
  { backend, epochs }: Pick<RowSettings, 'backend' | 'epochs'>,
): readonly string[] {
  const fewer = epochs !== undefined && rows.some(({ paperEpochs }) => epochs < paperEpochs);
  return [
    ...['--preset', drawn?.of.name ?? preset.name],
    ...(drawn?.assignments.flatMap((assignment) => ['--set', assignment]) ?? []),
    ...(fewer ? ['--set', `training.epochs=${epochs}`] : []),
    ...(backend === undefined ? [] : ['--backend', backend]),
  ];
}

const isOurs = (preset: Preset) => lookUpPreset(preset.name) === preset;

/** Where data are, as every command takes it. */
export function dataArguments({ dataDir, offline }: HostOptions): readonly string[] {
  return [...(dataDir === undefined ? [] : ['--data-dir', dataDir]), ...(offline ? ['--offline'] : [])];
}
