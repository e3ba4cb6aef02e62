import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Command, makeHome } from '../journeys/command.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

test('the code of the README runs as it stands there', async () => {
  using home = makeHome();
  symlinkSync(join(root, 'node_modules'), join(home.folder, 'node_modules'));
  writeFileSync(join(home.folder, 'package.json'), '{ "type": "module" }');
  const files = [...readme.matchAll(/```ts\n\/\/ (\S+)\n([\s\S]*?)```/g)];
  assert.deepEqual(
    files.map(([, path]) => path),
    ['services/greeter.ts', 'tutti.ts', 'services/porter.ts'],
  );
  const [, entry = ''] = /`(porter: \{.*?\})`/.exec(readme) ?? [];
  for (const [, path = '', code = ''] of files) {
    mkdirSync(dirname(join(home.folder, path)), { recursive: true });
    // What the text says is to be added there.
    const text = path === 'tutti.ts' ? code.replace('services: {', `services: { ${entry},`) : code;
    writeFileSync(join(home.folder, path), text);
  }
  await using app = new Command(home.folder, ['start', join(home.folder, 'tutti.ts')]);
  await app.ready();
  const answer = await fetch(`${await app.url()}/greet/Ada`);
  assert.match(((await answer.json()) as { text: string }).text, /^Hello Ada, from process \d+$/);
  const welcome = await fetch(`${await app.url()}/welcome`);
  assert.match(((await welcome.json()) as { text: string }).text, /^Hello you, from process \d+$/);
  writeFileSync(join(home.folder, 'tsconfig.json'), /```json\n([\s\S]*?)```/.exec(readme)?.[1] ?? '');
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc], { cwd: home.folder, encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});

test('every link of the pages in front leads to something', () => {
  for (const page of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md']) {
    const text = readFileSync(join(root, page), 'utf8');
    const targets = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = '']) => target);
    assert.deepEqual(
      targets.filter((target) => !existsSync(join(root, target))),
      [],
      page,
    );
  }
});
