/**
 * The guard of the arrows is guarded itself: it reads every file of src, and it sees what is planted.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, globSync, mkdirSync, mkdtempDisposableSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import { slowTest } from '../fuzz/chance.ts';

const root = resolve(import.meta.dirname, '../..');

function arrows(folder: string): { code: number | null; output: string } {
  const script = join(root, 'scripts/arrows.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { cwd: folder, encoding: 'utf8' });
  return { code: status, output: stdout + stderr };
}

/** What the cruiser says of a house with only these files, under our rules. */
function planted(files: Record<string, string>): { code: number | null; output: string } {
  using house = mkdtempDisposableSync(join(tmpdir(), 'tutti-arrows-'));
  for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json']) {
    cpSync(join(root, name), join(house.path, name));
  }
  symlinkSync(join(root, 'node_modules'), join(house.path, 'node_modules'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(house.path, dirname(name)), { recursive: true });
    writeFileSync(join(house.path, name), text);
  }
  return arrows(house.path);
}

// `npm run check` reads them all too, and refuses to pass when one was not read.
slowTest('the cruiser reads every file of src', () => {
  const files = globSync('src/**/*.ts', { cwd: root }).length;
  assert.match(arrows(root).output, new RegExp(`^${String(files)} files of src were read, 0 were not$`, 'm'));
});

test('a house whose arrows go down passes', () => {
  const { code, output } = planted({
    'src/core/ids.ts': 'export type Id = string;',
    'src/os/lock.ts':
      "import { open } from 'node:fs';\nimport type { Id } from '../core/ids.ts';\nexport const lock = (id: Id) => [id, open];",
  });
  assert.equal(code, 0, output);
});

/** Each in files of its own, so that all are one house: to cruise a house takes seconds. */
const violations: [string, RegExp, Record<string, string>][] = [
  [
    'an upward import of a type',
    /core imports only: itself: src\/core\/upward\.ts → src\/mesh\/link\.ts/,
    {
      'src/core/upward.ts': "import type { Link } from '../mesh/link.ts';\nexport type Id = Link;",
      'src/mesh/link.ts': 'export interface Link { name: string }',
    },
  ],
  [
    'a cycle through types',
    /no cycle: src\/os\/(lock|sweep)\.ts/,
    {
      'src/os/lock.ts': "import type { Sweep } from './sweep.ts';\nexport interface Lock { sweep: Sweep }",
      'src/os/sweep.ts': "import type { Lock } from './lock.ts';\nexport interface Sweep { lock: Lock }",
    },
  ],
  [
    'a package that the keeper reaches through os',
    /the keeper reaches no package but koffi: .*keeper\/main\.ts/,
    {
      'src/processes/keeper/main.ts':
        "import { words } from '../../os/words.ts';\nexport const main = words;",
      'src/os/words.ts': "import pino from 'pino';\nexport const words = pino;",
    },
  ],
  [
    'a node: module in core',
    /core imports no package and no node:: src\/core\/digest\.ts/,
    { 'src/core/digest.ts': "import { hash } from 'node:crypto';\nexport const id = hash;" },
  ],
  [
    'a service that imports its neighbour',
    /a service of ours imports only: .*gateway\/server\.ts → src\/services\/store\/open\.ts/,
    {
      'src/services/gateway/server.ts':
        "import { open } from '../store/open.ts';\nexport const server = open;",
      'src/services/store/open.ts': 'export const open = 1;',
    },
  ],
  [
    'a value of define in mesh',
    /mesh, stores and instance see only the types of define: src\/mesh\/caller\.ts/,
    {
      'src/mesh/caller.ts':
        "import { contract } from '../define/contract.ts';\nexport const caller = contract;",
      'src/define/contract.ts': 'export const contract = 1;',
    },
  ],
  [
    'an example that reaches behind the front door',
    /examples use the public API: examples\/shop\/tutti\.ts/,
    {
      'examples/shop/tutti.ts': "import { id } from '../../src/core/ids.ts';\nexport default id;",
      'src/core/ids.ts': 'export const id = 1;',
    },
  ],
];

test('the cruiser refuses each house with one of these', async (context) => {
  const files = Object.fromEntries(violations.flatMap(([, , each]) => Object.entries(each)));
  const { code, output } = planted(files);
  assert.equal(code, 1);
  for (const [what, sentence] of violations)
    await context.test(what, () => {
      assert.match(output, new RegExp(`error ${sentence.source}`));
    });
});
