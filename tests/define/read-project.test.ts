import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { appKey } from '../../src/define/read-manifest.ts';
import { readProject } from '../../src/define/read-project.ts';
import type { ProjectReading } from '../../src/define/read-project.ts';

const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));

class Project implements Disposable {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'tutti-project-')));

  constructor(files: Readonly<Record<string, string>>) {
    symlinkSync(modules, join(this.folder, 'node_modules'));
    for (const [file, text] of Object.entries({ 'package.json': '{ "type": "module" }', ...files })) {
      mkdirSync(dirname(join(this.folder, file)), { recursive: true });
      writeFileSync(join(this.folder, file), text);
    }
  }

  read(limitMs = 20_000): Promise<ProjectReading> {
    return readProject(join(this.folder, 'tutti.ts'), limitMs);
  }

  files({ files }: ProjectReading, key: string): string[] {
    return (files.get(key) ?? []).map((file) => relative(this.folder, file)).sort();
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const app = (text: string): string =>
  `import { defineApp } from 'tutti';\nexport default defineApp(${text});\n`;
const service = (name: string, head = ''): string =>
  `${head}\nimport { defineService } from 'tutti';\nexport default defineService({ name: '${name}', version: '1.0.0', actions: () => ({}) });\n`;

test('of every part it tells the files that it loads, however it loads them, and no others', async () => {
  using project = new Project({
    'tutti.ts': `import './settings.ts';\n${app(`{ name: 'p', services: { a: { module: './a.ts' }, b: { module: './b.ts' } }, gateways: { public: { port: 0, hooks: './hooks.ts' } } }`)}`,
    'settings.ts': 'export {};',
    'a.ts': service(
      'a',
      `import type { T } from './types.ts';
import { shared } from './lib/shared.ts';
import data from './data.json' with { type: 'json' };
import { createRequire } from 'node:module';
createRequire(import.meta.url)('./old.cjs');
const value: T = shared + data.x;
void value;
export const late = async () => import('./late.ts');
export { more } from './more.ts?1';`,
    ),
    'b.ts': service('b', `import './lib/shared.ts';`),
    'hooks.ts': `import './lib/deep.ts';\nexport const onError = () => undefined;`,
    'types.ts': 'export type T = number;',
    'lib/shared.ts': `import './deep.ts';\nexport const shared = 1;`,
    'lib/deep.ts': 'export {};',
    'data.json': '{ "x": 1 }',
    'old.cjs': `require('./older.cjs');`,
    'older.cjs': '',
    'late.ts': `import type { T } from './types.ts';\nimport {\n  later,\n} from './later.ts';\nexport const late: T = later;`,
    'later.ts': 'export const later = 1;',
    'more.ts': 'export const more = 1;',
  });
  const reading = await project.read();
  assert.deepEqual(reading.problems, []);
  assert.deepEqual(Object.keys(reading.project?.manifest.services ?? {}), ['a', 'b']);
  assert.deepEqual(project.files(reading, appKey), ['.env', 'settings.ts', 'tutti.ts']);
  assert.deepEqual(project.files(reading, 'a'), [
    ...['a.ts', 'data.json', 'late.ts', 'later.ts', 'lib/deep.ts', 'lib/shared.ts'],
    ...['more.ts', 'old.cjs', 'older.cjs'],
  ]);
  assert.deepEqual(project.files(reading, 'b'), ['b.ts', 'lib/deep.ts', 'lib/shared.ts']);
  assert.deepEqual(project.files(reading, 'gateway:public'), ['hooks.ts', 'lib/deep.ts']);
});

const services = `{ name: 'p', services: { a: { module: './a.ts' }, b: { module: './b.ts' } } }`;

test('what is broken still tells its files: that which is missing too', async () => {
  using project = new Project({
    'tutti.ts': app(services),
    'a.ts': service('a', `import './good.ts';\nimport './gone.ts';`),
    'b.ts': service('b', `import './bad.ts';`),
    'good.ts': '',
    'bad.ts': 'const x = 1;\nconst y = = 2;\n',
  });
  const reading = await project.read();
  assert.equal(reading.project, undefined);
  assert.deepEqual(project.files(reading, 'a'), ['a.ts', 'gone.ts', 'good.ts']);
  assert.deepEqual(project.files(reading, 'b'), ['b.ts', 'bad.ts']);
  const [missing, broken] = reading.problems.map(({ message }) => message);
  assert.match(missing ?? '', /cannot find "gone\.ts", imported by a\.ts/);
  assert.match(broken ?? '', /SyntaxError: .*\(bad\.ts:2\)\nbad\.ts:2\n(.*\n)?const y = = 2;\n +\^/);
});

test('an app file that throws is a problem with its line, and one that never ends is one too', async () => {
  using thrower = new Project({ 'tutti.ts': `const list: string[] = [];\nlist[0].length;\n` });
  const thrown = await thrower.read();
  assert.match(
    thrown.problems[0]?.message ?? '',
    /TypeError: .*\(tutti\.ts:2\)\ntutti\.ts:2\nlist\[0\]\.length;\n +\^/,
  );
  assert.deepEqual(thrower.files(thrown, appKey), ['.env', 'tutti.ts']);

  using endless = new Project({ 'tutti.ts': 'for (;;);' });
  const { problems } = await endless.read(1_000);
  assert.match(problems[0]?.message ?? '', /longer than 1 s/);
});

test('every problem of an app file is told, as by tutti check', async () => {
  using project = new Project({
    'tutti.ts': app(`{ name: 'p', services: { a: { module: './a.ts', replicas: -1 } }, lgLevel: 'info' }`),
  });
  const text = (await project.read()).problems.map(({ message }) => message).join('\n');
  assert.match(text, /lgLevel.*logLevel/);
  assert.match(text, /services\.a\.replicas/);
});
