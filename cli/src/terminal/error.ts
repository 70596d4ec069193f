import { CommanderError } from 'commander';
import colors from 'picocolors';

/** The command line or the configuration is wrong; nothing was begun. */
export const exitUsage = 2;
/** Something failed on the way. */
export const exitFailure = 1;

const usageCodes: ReadonlySet<string> = new Set([
  'RNNX_USAGE',
  'RNNX_PRESET_UNKNOWN',
  'RNNX_CONFIG_UNREADABLE',
  'RNNX_CONFIG_INVALID',
  'RNNX_OPTION_CONFLICT',
  'RNNX_PLUGIN_INVALID',
  'RNNX_PLUGIN_DUPLICATE',
  'RNNX_PLUGIN_UNKNOWN',
  'RNNX_PLUGIN_INCOMPATIBLE',
  'RNNX_PLUGIN_UNREADABLE',
  'RNNX_RUN_EXISTS',
  'RNNX_RUN_MISSING',
  'RNNX_FOLDER_EXISTS',
]);

interface Coded {
  readonly code: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** By its code, not its class: a plugin may carry its own copy of core. */
function isCoded(error: unknown): error is Error & Coded {
  return error instanceof Error && String((error as Partial<Coded>).code).startsWith('RNNX_');
}

/**
 * Prints an error on one screen and returns the exit code.
 *
 * @param json also prints it as a JSON line on standard output
 */
export function printError(error: unknown, json: boolean): number {
  const { code, message, details } = describe(error);
  process.stderr.write(`${colors.red(code)} ${message}\n`);
  if (json) {
    const { cause: _, ...rest } = details;
    process.stdout.write(`${JSON.stringify({ type: 'error', code, message, ...rest })}\n`);
  }
  return usageCodes.has(code) ? exitUsage : exitFailure;
}

const stackLines = 12;

function describe(error: unknown): Coded {
  if (isCoded(error)) return { code: error.code, message: error.message, details: error.details };
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '').replace('\n', ' ');
    return { code: 'RNNX_USAGE', message: `${message}\n  to do:    see rnnx --help`, details: {} };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const message = `This is a bug in rnnx or in a plugin.\n${stack.split('\n').slice(0, stackLines).join('\n')}`;
  return { code: 'unexpected error:', message, details: {} };
}
