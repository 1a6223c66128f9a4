import { Argument, Command, Option } from 'commander';
import type { CommandSpec, Invocation } from './command.js';

interface ProgramOptions {
  readonly commands: readonly CommandSpec[];
  readonly version: string;
  /** Told which verb ran and how it ended. */
  readonly onResult: (exitCode: number) => void;
}

const nounSummaries: Readonly<Record<string, { readonly summary: string; readonly group: string }>> = {
  token: { summary: 'create, list and revoke API tokens', group: 'Set up' },
  device: { summary: 'register and list devices', group: 'Set up' },
  certificate: { summary: 'issue device certificates', group: 'Set up' },
  'dead-letter': { summary: 'look at, replay and discard what could not be stored', group: 'Watch' },
  contract: { summary: 'test, compare, show and retire device type contracts', group: 'Set up' },
  config: { summary: 'check configuration files', group: 'Set up' },
};

const overview = `
Examples:
  millrace demo                          a whole water pumping station with gateway and platform, on this machine
  millrace up                            the platform alone: database, MQTT broker, ingestion, API, console
  millrace edge --config gateway.yaml    a gateway that reads devices and sends to a platform
  millrace field fault P-101 wire-break  pull a wire of a simulated pump
  millrace status                        everything that runs here, on one screen
  millrace token create --role viewer    a bearer token for the API

"millrace <command> --help" explains each command with examples.`;

/** Builds the commander program from the verbs' metadata; no verb's work is imported. */
export function buildProgram({ commands, version, onResult }: ProgramOptions): Command {
  const program = new Command('millrace')
    .description('Millrace: an industrial IoT platform, from the sensor to the screen.')
    .version(version, '--version', 'print the version')
    .option('--debug', 'show the stack of an error')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .configureHelp({ helpWidth: 110, showGlobalOptions: false })
    .showHelpAfterError('(add --help for the options)')
    .exitOverride()
    // A noun that runs by itself has options of its own; those after a verb belong to the verb.
    .enablePositionalOptions()
    .addHelpText('after', overview);
  const nouns = new Map<string, Command>();
  for (const spec of commands) {
    const [noun, verb] = spec.path;
    const parent = verb === undefined ? program : nounCommand(program, nouns, noun, commands);
    if (verb === undefined && nouns.has(noun)) fill(nouns.get(noun) as Command, spec, onResult);
    else {
      const command = verb === undefined ? nounCommand(program, nouns, noun, commands) : parent.command(verb);
      fill(command, spec, onResult);
    }
  }
  return program;
}

function nounCommand(
  program: Command,
  nouns: Map<string, Command>,
  noun: string,
  commands: readonly CommandSpec[],
): Command {
  const known = nouns.get(noun);
  if (known) return known;
  const command = program
    .command(noun)
    .enablePositionalOptions()
    .exitOverride()
    .helpOption('-h, --help', 'show help')
    .helpCommand(false);
  const own = commands.find((spec) => spec.path[0] === noun && spec.path[1] === undefined);
  const about = own ? { summary: own.summary, group: own.group } : nounSummaries[noun];
  if (about) command.summary(about.summary).description(about.summary).helpGroup(`${about.group}:`);
  nouns.set(noun, command);
  return command;
}

function fill(command: Command, spec: CommandSpec, onResult: (exitCode: number) => void): void {
  command
    .summary(spec.summary)
    .description(spec.description ?? spec.summary)
    .helpOption('-h, --help', 'show help')
    .showHelpAfterError('(add --help for the options)')
    .exitOverride();
  for (const argument of spec.args ?? []) {
    const declared = new Argument(`<${argument.name}>`, argument.doc);
    if (argument.choices) declared.choices([...argument.choices]);
    command.addArgument(declared);
  }
  for (const option of spec.options ?? []) {
    const declared = new Option(option.flags, option.doc);
    if (option.default !== undefined) declared.default(option.default);
    if (option.choices) declared.choices([...option.choices]);
    if (option.required) declared.makeOptionMandatory();
    if (option.many) declared.argParser((value: string, list: string[] = []) => [...list, value]);
    command.addOption(declared);
  }
  if (spec.examples) {
    const width = Math.max(...spec.examples.map((example) => example.line.length));
    const lines = spec.examples.map((example) => `  ${example.line.padEnd(width)}  ${example.doc}`);
    command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
  }
  command.action(async (...values: unknown[]) => {
    const names = (spec.args ?? []).map((argument) => argument.name);
    const args = Object.fromEntries(names.map((name, i) => [name, String(values[i])]));
    const invocation: Invocation = { args, options: command.opts() };
    const work = await spec.load();
    onResult((await work(invocation)) ?? 0);
  });
}
