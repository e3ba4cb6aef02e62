/**
 * Completion for bash, zsh and fish, made of the same table as the help: names of commands, their options and choices.
 */
import type { CommandSpec, Invocation } from './command.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { appOption } from './shared-options.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** `--until-empty`, `--since <time>` -> `--since` */
const longFlag = (flags: string): string => /--[a-z-]+/.exec(flags)?.[0] ?? '';

function wordsOf({ options = [], arguments: given = [] }: CommandSpec): string[] {
  const flags = [...options, appOption].map((option) => longFlag(option.flags));
  return [...flags, '--help', ...given.flatMap(({ choices = [] }) => choices)];
}

const quote = (text: string): string => text.replaceAll("'", '’');

function bash(commands: readonly CommandSpec[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  const cases = commands.map((spec) => `    ${spec.name}) words='${wordsOf(spec).join(' ')}' ;;`);
  return `# bash: eval "$(npx tutti completion bash)"
_tutti() {
  local current=\${COMP_WORDS[COMP_CWORD]} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '${names} --help --version' -- "$current"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _tutti tutti`;
}

function zsh(commands: readonly CommandSpec[]): string {
  const names = commands.map(({ name, summary }) => `    '${name}:${quote(summary)}'`);
  const cases = commands.map((spec) => `    ${spec.name}) compadd -- ${wordsOf(spec).join(' ')} ;;`);
  return `#compdef tutti
# zsh: eval "$(npx tutti completion zsh)", after compinit
_tutti() {
  local -a names=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command names
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
  _files
}
compdef _tutti tutti`;
}

function fish(commands: readonly CommandSpec[]): string {
  const lines = commands.flatMap((spec) => [
    `complete -c tutti -n __fish_use_subcommand -f -a ${spec.name} -d '${quote(spec.summary)}'`,
    ...[...(spec.options ?? []), appOption].map(
      ({ flags, words }) =>
        `complete -c tutti -n '__fish_seen_subcommand_from ${spec.name}' -l ${longFlag(flags).slice(2)} -d '${quote(words)}'`,
    ),
    ...(spec.arguments ?? []).flatMap(({ choices = [] }) =>
      choices.map(
        (choice) => `complete -c tutti -n '__fish_seen_subcommand_from ${spec.name}' -f -a ${choice}`,
      ),
    ),
  ]);
  return ['# fish: npx tutti completion fish | source', ...lines].join('\n');
}

const scripts: Readonly<Record<Shell, (commands: readonly CommandSpec[]) => string>> = { bash, zsh, fish };

export const completionCommand = (others: readonly CommandSpec[]): CommandSpec => {
  const command: CommandSpec = {
    name: 'completion',
    summary: 'Print a completion script for your shell',
    arguments: [{ syntax: '<shell>', words: 'which shell', choices: shells }],
    examples: [
      { line: 'eval "$(tutti completion bash)"', words: 'in ~/.bashrc' },
      { line: 'tutti completion fish | source', words: 'in config.fish' },
    ],
    run: ({ args, io }: Invocation): Promise<Outcome> => {
      io.out(scripts[args[0] as Shell]([...others, command]));
      return Promise.resolve(exit('ok'));
    },
  };
  return command;
};
