/**
 * The command line: the table of commands as a commander program. It reads what was typed and hands it to one command.
 */
import { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { CommandOptions, CommandSpec, OptionSpec } from './command.ts';
import type { Io } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { appOption } from './shared-options.ts';

interface ProgramNeeds {
  readonly commands: readonly CommandSpec[];
  readonly version: string;
  readonly io: Io;
}

const exitCodesHeader = `
Exit codes: 0 done, 1 failed, 2 usage, 3 configuration invalid,
  4 not ready in time, 5 rolled back, 6 already or not running`;

/** What a parser has to say becomes part of commander's own sentence. */
function parserOf(parse: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

function makeOption({ flags, words, choices, parse }: OptionSpec): Option {
  const option = new Option(flags, words);
  if (choices !== undefined) option.choices(choices);
  if (parse !== undefined) option.argParser(parserOf(parse));
  return option;
}

function examplesText({ examples }: CommandSpec): string {
  const width = Math.max(...examples.map(({ line }) => line.length));
  return `\nExamples:\n${examples.map(({ line, words }) => `  ${line.padEnd(width)}  ${words}`).join('\n')}`;
}

function addCommand(
  program: Command,
  spec: CommandSpec,
  run: (spec: CommandSpec, command: Command) => Promise<void>,
): void {
  const command = program.command(spec.name, { hidden: spec.hidden === true });
  command
    .summary(spec.summary)
    .description([spec.summary, spec.details].filter((text) => text !== undefined).join('. '));
  for (const { syntax, words, choices } of spec.arguments ?? []) {
    const argument = new Argument(syntax, words);
    command.addArgument(choices === undefined ? argument : argument.choices(choices));
  }
  for (const option of [...(spec.options ?? []), appOption]) command.addOption(makeOption(option));
  command.addHelpText('after', examplesText(spec));
  command.showHelpAfterError(`  Help: npx tutti ${spec.name} --help`);
  command.action(() => run(spec, command));
}

/** @throws what the command threw. */
export async function runProgram(
  args: readonly string[],
  { commands, version, io }: ProgramNeeds,
): Promise<Outcome> {
  let outcome = exit('ok');
  const program = new Command('tutti');
  program
    .description('Runs a set of services, each replica in its own process, as one supervised whole')
    .version(version, '-v, --version')
    .addHelpText('after', exitCodesHeader)
    .showHelpAfterError('  Help: npx tutti --help')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        io.out(text.trimEnd());
      },
      writeErr: (text) => {
        io.err(text.trimEnd());
      },
      outputError: (text, write) => {
        // What was expected is long, and stands on a line of its own.
        write(
          text.replace(/^error: /, 'tutti: ').replace(' is invalid. expected ', ' is invalid:\n  expected '),
        );
      },
    });
  for (const spec of commands)
    addCommand(program, spec, async (chosen, command) => {
      outcome = await chosen.run({ args: command.args, options: command.opts<CommandOptions>(), io });
    });
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return exit(error.exitCode === 0 ? 'ok' : 'usage');
  }
  return outcome;
}
