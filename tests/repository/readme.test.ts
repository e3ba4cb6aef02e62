import assert from 'node:assert/strict';
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
    ['services/greeter.ts', 'tutti.ts'],
  );
  for (const [, path = '', code = ''] of files) {
    mkdirSync(dirname(join(home.folder, path)), { recursive: true });
    writeFileSync(join(home.folder, path), code);
  }
  await using app = new Command(home.folder, ['start', join(home.folder, 'tutti.ts')]);
  await app.ready();
  const answer = await fetch(`${await app.url()}/greet/Ada`);
  assert.match(((await answer.json()) as { text: string }).text, /^Hello Ada, from process \d+$/);
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
