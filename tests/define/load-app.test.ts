import assert from 'node:assert/strict';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { isTuttiError } from '../../src/core/errors.ts';
import { findAppFile, loadApp, resolveAppFile } from '../../src/define/load-app.ts';
import { TemporaryFolder } from '../os/temporary-folder.ts';

const front = new URL('../../src/index.ts', import.meta.url).href;

function appFile(folder: TemporaryFolder, text: string): string {
  writeFileSync(folder.file('tutti.ts'), text);
  return realpathSync(folder.file('tutti.ts'));
}

async function refusal(file: string): Promise<string> {
  try {
    await loadApp(file);
  } catch (error) {
    assert.ok(isTuttiError(error, 'CONFIG_INVALID'));
    return error.message;
  }
  assert.fail('it was taken');
}

test('an app file is found here or above', () => {
  using folder = new TemporaryFolder();
  const file = appFile(folder, '');
  mkdirSync(folder.file('a/b'), { recursive: true });
  assert.equal(findAppFile(folder.file('a/b')), file);
  assert.equal(resolveAppFile(undefined, folder.file('a')), file);
  assert.equal(resolveAppFile('../tutti.ts', folder.file('a')), file);
  assert.throws(() => resolveAppFile('no.ts', folder.path), {
    code: 'CONFIG_INVALID',
    message: 'There is no file no.ts',
  });
});

test('an app is read as it was written', async () => {
  using folder = new TemporaryFolder();
  const app = { name: 'shop', services: { users: { module: './users.ts' } } };
  const file = appFile(
    folder,
    `import { defineApp } from '${front}';\nexport default defineApp(${JSON.stringify(app)});\n`,
  );
  assert.deepEqual(await loadApp(file), { ...app, kind: 'app' });
});

test('every problem of an app file is one line', async () => {
  using folder = new TemporaryFolder();
  const file = appFile(folder, "export default { kind: 'app', name: 'a b', services: {} };\n");
  const [head, ...lines] = (await refusal(file)).split('\n');
  assert.match(head ?? '', /tutti\.ts cannot be started:$/);
  assert.deepEqual(lines, [
    '  name: expected a name of letters, digits, "_" and "-", got "a b"',
    '  services: expected at least one service',
  ]);
});

const broken: [string, string, RegExp][] = [
  ['throws', 'const a: number = 1;\nthrow new Error(`no ${String(a)}`);', /no 1 \(.*tutti\.ts:2\)$/],
  ['throws what is no error', 'throw Object.create(null);', /tutti\.ts threw an object$/],
  [
    'imports what is not there',
    "import './nothing.ts';",
    /cannot find ".*nothing\.ts", imported by .*tutti\.ts$/,
  ],
  [
    'imports a package that is not there',
    "import 'nothing-there';",
    /cannot find "nothing-there", imported by .*tutti\.ts$/,
  ],
  ['is no TypeScript', 'const a: = 1;', /SyntaxError: .*tutti\.ts:1\)$/],
  ['exports nothing', 'export const app = 1;', /must export an app/],
];
for (const [name, text, expected] of broken) {
  test(`an app file that ${name} is refused with the place`, async () => {
    using folder = new TemporaryFolder();
    assert.match(await refusal(appFile(folder, `${text}\n`)), expected);
  });
}

test('settings that are wrong are told as they are', async () => {
  using folder = new TemporaryFolder();
  const zod = import.meta.resolve('zod');
  const text = `import { readEnv } from '${front}';\nimport { z } from '${zod}';\nreadEnv(z.object({ TT_NEEDED: z.string(), TT_TOO: z.string() }));\n`;
  const message = await refusal(appFile(folder, text));
  assert.match(message, /TT_NEEDED is not set: .*\n {2}TT_TOO is not set: /);
});
