/**
 * Every error code of rnnx with what it means. `docs/errors.md` explains each; a test keeps the two in step.
 */
export const errorCodes = {
  RNNX_CONFIG_INVALID: 'A value of the experiment configuration, or an option of a plugin, does not fit its schema',
  RNNX_PLUGIN_INVALID: 'A plugin definition lacks something mandatory or its schema is not strict',
  RNNX_PLUGIN_DUPLICATE: 'Two plugins of one kind have the same name',
  RNNX_PLUGIN_UNKNOWN: 'No plugin of that kind has that name',
  RNNX_PLUGIN_INCOMPATIBLE: 'The plugin asks for another version of @rnnx/core',
  RNNX_PERTURBATION_INVALID: 'A perturbation names an unknown site, layer or kind, or its value has an unfit shape',
  RNNX_SITE_UNSUPPORTED: 'A regularizer perturbs a site that the cell or model does not have',
  RNNX_SHAPE_MISMATCH: 'A tensor or weight has another shape than declared',
  RNNX_STATISTICS_MISSING: 'A model that evaluates with statistics of the training split has none',
  RNNX_OPTION_CONFLICT: 'Two options exclude each other or one needs another',
  RNNX_DATA_MISSING: 'A data file or folder is not there',
  RNNX_DATA_EMPTY: 'A split of the data has no token in it',
  RNNX_DATA_CHECKSUM: 'A data file is not the one expected: its SHA-256 differs',
  RNNX_DATA_TRUNCATED: 'A download ended before all bytes had come; the part is kept and the next try resumes',
  RNNX_DATA_OFFLINE: 'Data must be downloaded, but downloads are refused or the server cannot be reached',
  RNNX_DATA_DOWNLOAD: 'A download failed: the server answered with an error, or the file cannot be written',
  RNNX_DATA_ENCODING: 'A text file is not valid UTF-8',
  RNNX_DATA_INVALID: 'A data file does not have the form of its kind: wrong magic, cut short, or a value out of range',
  RNNX_DATA_UNSAFE: 'A data file asks for what data may not: to run code, or for memory or nesting without bound',
  RNNX_TOKEN_UNKNOWN: 'A token is not in the vocabulary, which holds what the training split has',
  RNNX_DATA_TOO_SMALL: 'A split is too short to fill one minibatch, or has nothing to predict',
  RNNX_NONFINITE: 'The loss, the gradient or a weight became infinite or NaN; training stopped before taking it over',
  RNNX_CHECKPOINT_MISMATCH:
    'A checkpoint is of another model, optimizer, dataset or seed than the run that takes it up',
  RNNX_OPTION_INVALID: 'An argument of a function is outside its range',
  RNNX_SEED_INVALID: 'A seed is not a whole number from 0 to 2^53 - 1',
  RNNX_SPREAD_INVALID: 'The spread of a noise distribution is not a number it can have',
  RNNX_USAGE: 'The command line has an unknown command or option, or a value that the option cannot take',
  RNNX_PRESET_UNKNOWN: 'No preset has that name',
  RNNX_CONFIG_UNREADABLE: 'A configuration file is missing, malformed, empty or fails when it is loaded',
  RNNX_PLUGIN_UNREADABLE: 'A plugin named in the configuration cannot be found or fails when it is loaded',
  RNNX_RUN_EXISTS: 'The folder for a new run already holds something; nothing in it was touched',
  RNNX_RUN_MISSING: 'A folder that should hold a run does not',
  RNNX_RUN_BUSY: 'Another process is writing in the folder of a run or a reproduction',
  RNNX_RUN_UNWRITABLE: 'The run folder, or a file in it, cannot be written',
  RNNX_FOLDER_EXISTS: 'The folder for a new package already holds something; nothing in it was touched',
  RNNX_FOLDER_UNWRITABLE: 'The folder for a new package, or a file in it, cannot be written',
  RNNX_CHECKPOINT_MISSING: 'The run has no such checkpoint',
  RNNX_CHECKPOINT_CORRUPT: 'A checkpoint file is damaged: bad header, wrong length, wrong type or wrong checksum',
  RNNX_OUT_OF_MEMORY: 'A model, a minibatch or its samples need more memory than there is',
  RNNX_BACKEND_UNAVAILABLE: 'A compute backend is not installed or does not work on this machine',
  RNNX_BACKEND_FAILED: 'A compute backend refused or failed a command in the middle of a run',
  RNNX_DEVICE_LOST: 'The GPU went away in the middle of a run: a driver reset, a removed device, or its memory taken',
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorDetails {
  /** What came, as a short phrase. */
  readonly got?: string;
  /** What was expected. */
  readonly expected?: string;
  /** What to do about it. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

/** The only error that rnnx throws on purpose: a code, what came, what was expected and what to do. */
export class RnnxError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, summary: string, details: ErrorDetails = {}) {
    const lines = [summary];
    if (details.got !== undefined) lines.push(`  got:      ${details.got}`);
    if (details.expected !== undefined) lines.push(`  expected: ${details.expected}`);
    if (details.remedy !== undefined) lines.push(`  to do:    ${details.remedy}`);
    super(lines.join('\n'), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'RnnxError';
    this.code = code;
    this.details = details;
  }
}
