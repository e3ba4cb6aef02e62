/** Commands that need no running app: check, doctor, help, completion, the reference page; and what a wrong line says. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { commands } from '../../src/cli/commands.ts';
import { CommandWorld } from './command-world.ts';

const world = new CommandWorld();
after(() => world[Symbol.asyncDispose]());
const root = resolve(import.meta.dirname, '../..');

test('check tells what would run, in which order, behind which routes', async () => {
  const out = await world.ok('check');
  assert.match(out, /^ok tutti\.ts \(parlour\) can be started\n/);
  assert.match(out, /first +greeter +1\.2\.0 +2\n/);
  assert.match(out, /then 2 +listener +\S+ +1 +greeter\n/);
  assert.match(out, /GET +\/hello +greeter\.hello\n/);
  const view = await world.json<{ ok: boolean; levels: string[][] }>('check');
  assert.deepEqual([view.ok, view.levels], [true, [['greeter'], ['listener']]]);
});

test('check tells which gateway serves whom', async () => {
  const out = await world.ok('check', join(root, 'examples/fibonacci/tutti.ts'));
  assert.match(out, /gateway fibonacci-worker on 127\.0\.0\.1:5001, for FibonacciWorker\n/);
});

test('what an option expects stands whole on a line of its own', async () => {
  const { code, err } = await world.run(['why', '--at', 'soon']);
  assert.equal(code, 2);
  assert.match(err, /^tutti: option .* is invalid:\n {2}expected a time ago .*, got "soon"\n {2}Help: /);
});

test('check tells every problem at once, with exit code 3', async () => {
  const file = join(world.folder, 'tutti.mjs');
  const module = `file://${root}/src/index.ts`;
  writeFileSync(
    file,
    `import { defineApp } from '${module}';\nexport default defineApp({ name: 'a b', services: { x: { modul: './x.ts' } } });\n`,
  );
  const { code, out, err } = await world.run(['check', file]);
  assert.deepEqual([code, out], [3, '']);
  assert.match(err, /unknown option "modul"; did you mean "module"\?/);
  assert.match(err, /name: expected a name of letters/);
  const asJson = await world.run(['check', file, '--json']);
  assert.equal(asJson.code, 3);
  const { ok, problems } = JSON.parse(asJson.out) as { ok: boolean; problems: string[] };
  assert.equal(ok, false);
  assert.ok(problems.length >= 3, asJson.out);
});

test('doctor has a line for everything, and fails on a port that is taken', async () => {
  const findings = await world.json<{ level: string; what: string }[]>('doctor');
  const all = findings.map(({ what }) => what).join('\n');
  for (const word of [
    'Node 24',
    'open files',
    '/dev/shm',
    'koffi',
    'inherited',
    'node:sqlite',
    'Run directory',
    'State directory',
    'disk',
    'gateway public',
  ])
    assert.match(all, new RegExp(word));
  const { createServer } = await import('node:net');
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  const { code, out } = await world.run(['doctor'], { env: { PORT: String(port) } });
  server.close();
  assert.equal(code, 1);
  assert.match(out, /fail +Port \d+ on 127\.0\.0\.1 is taken.*\n +find who has it: ss -ltnp/);
});

const wrongLines: [string, string[], RegExp][] = [
  ['an unknown command', ['strat'], /^tutti: unknown command 'strat'\n\(Did you mean start\?\)/],
  [
    'an unknown option',
    ['logs', '--folow'],
    /unknown option '--folow'\n\(Did you mean --follow\?\)[^]*npx tutti logs --help/,
  ],
  ['a missing argument', ['restart'], /missing required argument 'target'/],
  ['too many arguments', ['status', 'users'], /too many arguments/],
  ['a wait that is no time', ['stop', '--wait', 'long'], /expected a time like 30, 30s/],
  ['a shell that is not known', ['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
];
for (const [what, args, sentence] of wrongLines) {
  test(`${what} is exit code 2, with what was meant or allowed`, async () => {
    const { code, out, err } = await world.run(args);
    assert.deepEqual([code, out], [2, '']);
    assert.match(err, sentence);
  });
}

test('tutti alone shows its help and is no success; --version and --help are', async () => {
  const alone = await world.run([]);
  assert.equal(alone.code, 2);
  assert.match(alone.err, /^Usage: tutti/);
  assert.match(await world.ok('--version'), /^\d+\.\d+\.\d+\n$/);
  const help = await world.ok('--help');
  for (const { name, summary } of commands)
    assert.match(help.replaceAll(/\s+/g, ' '), new RegExp(`${name} .*${summary}`));
  assert.doesNotMatch(help, /reference/);
});

test('the help of a command has two examples', async () => {
  const help = await world.ok('why', '--help');
  assert.match(help, /Examples:\n {2}tutti why orders +its story, .*\n {2}tutti why orders#1 --at 14:02 /);
});

test('docs/reference/cli.md is what `tutti reference` prints', async () => {
  const page = readFileSync(join(root, 'docs/reference/cli.md'), 'utf8');
  assert.equal(page, await world.ok('reference'), 'node bin/tutti.js reference > docs/reference/cli.md');
});

test('completion knows every command, and bash takes it', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const script = await world.ok('completion', shell);
    for (const { name } of commands) assert.match(script, new RegExp(`\\b${name}\\b`));
  }
  const ask = (typed: string): string =>
    `COMP_WORDS=(tutti ${typed}); COMP_CWORD=2; _tutti; echo "\${COMPREPLY[@]}"`;
  const script = [await world.ok('completion', 'bash'), ask('logs --fo'), ask('jobs --until')].join('\n');
  const bash = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
  assert.equal(bash.stdout, '--follow\n--until-empty\n', bash.stderr);
});
