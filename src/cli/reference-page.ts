/**
 * `docs/reference/cli.md`, made of the same table as the help; a test compares. Written anew by
 * `node bin/tutti.js reference > docs/reference/cli.md`.
 */
import type { CommandSpec, Invocation } from './command.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { appOption } from './shared-options.ts';

const intro = `# The \`tutti\` command

<!-- Made from the table of commands: node bin/tutti.js reference > docs/reference/cli.md -->

A command finds its app by \`--app FILE\`, else by \`tutti.ts\`, \`tutti.js\` or \`tutti.mjs\` here or above, else it is the only app that runs for this user.
Results go to stdout, words about them to stderr. Colours are used on a terminal only, and never with \`NO_COLOR\`.

| exit code | meaning                                                |
| --------- | ------------------------------------------------------ |
| 0         | done; also one Ctrl-C that stopped everything in order |
| 1         | what was asked for failed                              |
| 2         | the command line is wrong                              |
| 3         | the configuration is invalid                           |
| 4         | not ready in time                                      |
| 5         | rolled back: the old ones run on                       |
| 6         | already running, or nothing is running                 |
| 130       | stopped by a second Ctrl-C                             |
`;

const rows = (pairs: readonly (readonly [string, string])[]): string[] =>
  pairs.map(([what, words]) => `- \`${what}\`: ${words}`);

function section(spec: CommandSpec): string {
  const { name, summary, details, examples } = spec;
  const given = spec.arguments ?? [];
  const options = spec.options ?? [];
  const usage = [
    'tutti',
    name,
    ...given.map(({ syntax }) => syntax),
    ...(options.length === 0 ? [] : ['[options]']),
  ];
  return [
    `## ${usage.slice(0, 2).join(' ')}`,
    '',
    `${summary}.${details === undefined ? '' : ` ${details}`}`,
    '',
    '```sh',
    usage.join(' '),
    '',
    ...examples.map(({ line, words }) => `${line}  # ${words}`),
    '```',
    '',
    ...rows([
      ...given.map(({ syntax, words, choices }) => [syntax, withChoices(words, choices)] as const),
      ...options.map(({ flags, words, choices }) => [flags, withChoices(words, choices)] as const),
    ]),
    '',
  ].join('\n');
}

const withChoices = (words: string, choices: readonly string[] | undefined): string =>
  choices === undefined ? words : `${words}: ${choices.join(', ')}`;

function referencePage(commands: readonly CommandSpec[]): string {
  const shown = commands.filter(({ hidden }) => hidden !== true);
  const every = [
    'Every command also takes:',
    '',
    ...rows([
      [appOption.flags, appOption.words],
      ['-h, --help', 'its words, and two examples'],
    ]),
    '',
  ];
  return [intro, ...every, ...shown.map(section)].join('\n');
}

export const referenceCommand = (commands: readonly CommandSpec[]): CommandSpec => ({
  name: 'reference',
  summary: 'Print the reference page of the commands',
  hidden: true,
  examples: [
    { line: 'tutti reference', words: 'Markdown' },
    { line: 'tutti reference > docs/reference/cli.md', words: 'as it stands in the documentation' },
  ],
  run: ({ io }: Invocation): Promise<Outcome> => {
    io.out(referencePage(commands).trimEnd());
    return Promise.resolve(exit('ok'));
  },
});
