import { createRequire } from 'node:module';
import { Argument, Command, CommanderError, Option } from 'commander';
import {
  collect,
  collectSeeds,
  collectSplits,
  countFromOne,
  dataOptions,
  listings,
  parseDuration,
  temperature,
  templateKinds,
  wholeNumber,
} from './commands/options.js';
import { exitFailure, exitUsage, printError } from './terminal/error.js';

/** The command line. Commands are loaded when called, so that help does not wait for tfjs. */
function createProgram(finish: (code: number) => void): Command {
  const program = new Command('rnnx')
    .description('Train recurrent networks under interchangeable regularizers')
    .version(version(), '--version')
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => {} });
  const configOption = () => new Option('--config <file>', 'configuration file; default: rnnx.config.* here');
  const backendOption = () => new Option('--backend <name>', 'compute backend; auto takes the fastest that works');
  const checkpointOption = () =>
    new Option('--checkpoint <name>', 'which checkpoint').choices(['best', 'last']).default('best');
  const setOption = (what: string) => new Option('--set <path=value>', what).argParser(collect).default([], 'none');
  const withOptions = (command: Command, options: readonly Option[]) => {
    for (const option of options) command.addOption(option);
    return command;
  };
  const command = (name: string, description: string) => program.command(name).description(description);

  withOptions(command('run', 'train an experiment and compare its variants'), [
    new Option('--preset <name>', 'a ready experiment; see rnnx list presets'),
    configOption(),
    setOption('change a setting, such as training.epochs=3; repeatable'),
    new Option('--seed <number>', 'seed; repeatable, each is a run')
      .argParser(collectSeeds)
      .default([], 'as configured'),
    backendOption(),
    ...dataOptions(),
    new Option('--out <folder>', 'new folder for the runs; default: runs/<name>-<time>'),
    new Option('--resume <folder>', 'go on with an experiment or one run'),
    new Option('--json', 'events as JSON lines on standard output'),
    new Option('--quiet', 'only the closing table'),
  ]).action(async (options) => finish(await (await import('./commands/run.js')).run(options)));

  withOptions(command('list', 'list what there is'), [configOption(), new Option('--json', 'as JSON')])
    .addArgument(new Argument('<what>').choices(listings))
    .argument('[filter]', 'part of a name, a pattern such as "music-jsb-*", or the key of a paper')
    .action(async (what, filter, options) =>
      finish(await (await import('./commands/list.js')).list(what, filter, options)),
    );

  withOptions(command('describe', 'explain a plugin, preset or paper'), [configOption()])
    .argument('<name>', 'such as noisin, noise/gamma, quickstart')
    .action(async (name, options) => finish(await (await import('./commands/describe.js')).describe(name, options)));

  withOptions(command('eval', 'score a trained run'), [
    new Option('--split <name>', 'split; repeatable').argParser(collectSplits).default([], 'valid and test'),
    setOption('change a setting below evaluation or regularizers; repeatable'),
    checkpointOption(),
    backendOption(),
    ...dataOptions(),
    new Option('--json', 'as JSON'),
  ])
    .argument('<run>', 'run folder')
    .action(async (path, options) => finish(await (await import('./commands/eval.js')).evalRun(path, options)));

  withOptions(command('generate', 'sample text from a trained run'), [
    new Option('--prompt <text>', 'text to go on from').default(''),
    new Option('--length <tokens>', 'tokens to make').argParser(wholeNumber).default(100),
    new Option('--temperature <number>', '1 samples from the model, 0 takes the likeliest')
      .argParser(temperature)
      .default(1),
    new Option('--seed <number>', 'seed').argParser(wholeNumber).default(1),
    checkpointOption(),
    backendOption(),
    ...dataOptions(),
  ])
    .argument('<run>', 'run folder')
    .action(async (path, options) => finish(await (await import('./commands/generate.js')).generateRun(path, options)));

  withOptions(command('reproduce', 'train the rows of a paper and put ours beside the published numbers'), [
    new Option('--rows <pattern>', 'only rows or presets with this in their name; * stands for any text'),
    new Option('--seeds <number>', 'seeds 1 to this for every row').argParser(countFromOne).default(1),
    new Option('--budget <time>', 'end after this time, such as 2h; the same command goes on').argParser(parseDuration),
    new Option('--row-budget <time>', 'longest time for one row and seed').argParser(parseDuration),
    new Option('--epochs <number>', 'fewer epochs than the paper; the report says so').argParser(countFromOne),
    new Option('--search <number>', "settings drawn for each row from the paper's own ranges").argParser(countFromOne),
    new Option('--jobs <number>', 'child processes at a time').argParser(countFromOne).default(1),
    backendOption(),
    ...dataOptions(),
    new Option('--out <folder>', 'runs and report; goes on with what is there; default: reproductions/<paper>'),
  ])
    .argument('<paper>', 'such as noisin; see rnnx list presets')
    .action(async (paper, options) =>
      finish(await (await import('./commands/reproduce.js')).reproducePaper(paper, options)),
    );

  withOptions(command('compare', 'put runs side by side: a table, and a page with their curves'), [
    new Option('--out <folder>', 'write report.html and report.md there'),
  ])
    .argument('<run...>', 'folders of runs or experiments')
    .action(async (paths, options) => finish(await (await import('./commands/compare.js')).compare(paths, options)));

  withOptions(command('doctor', 'look what works on this machine'), [
    configOption(),
    new Option('--json', 'as JSON'),
  ]).action(async (options) => finish(await (await import('./commands/doctor.js')).doctor(options)));

  withOptions(command('schema', 'print the JSON schema of configuration files, for editors'), [configOption()]).action(
    async (options) => finish(await (await import('./commands/schema.js')).schema(options)),
  );

  withOptions(
    command('create-plugin', 'write the package of a new plugin: a small technique that works, with its test'),
    [
      new Option('--kind <kind>', 'what it is').choices(templateKinds).makeOptionMandatory(),
      new Option('--out <folder>', 'new or empty folder; default: rnnx-plugin-<name>'),
    ],
  )
    .argument('<name>', 'lower case with hyphens, such as uniform-noise')
    .action(async (name, options) =>
      finish(await (await import('./commands/create-plugin.js')).createPlugin(name, options)),
    );
  return program;
}

function version(): string {
  return (createRequire(import.meta.url)('../package.json') as { version: string }).version;
}

/** What a shell reports for a process that SIGPIPE ended. */
const exitPipe = 141;

/**
 * A reader that goes away (`rnnx ... | head`) ends the program in silence: files are whole at any time. Output that cannot be
 * written for another reason, as to a full disk, ends it with a message.
 */
export function endWithOutput(): void {
  process.stderr.on('error', () => process.exit(exitPipe));
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitPipe);
    process.stderr.write(`standard output cannot be written: ${error.message}\n`);
    process.exit(exitFailure);
  });
}

/** Runs a command line; never throws. Sets the process's exit code: docs/cli.md lists them. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await createProgram((code) => {
      process.exitCode = code;
    }).parseAsync([...argv]);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return; // help was asked for
    if (error instanceof CommanderError && error.code === 'commander.help')
      process.exitCode = exitUsage; // and printed
    else process.exitCode = printError(error, argv.includes('--json'));
  }
}
