/**
 * The test runner is not content with nothing: each way to be green without having shown anything is red.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

const script = resolve(import.meta.dirname, '../../scripts/test.ts');
const passes = "import { test } from 'node:test';\ntest('it works', () => undefined);\n";
const skips =
  "import { test } from 'node:test';\ntest('as root', { skip: 'needs root' }, () => undefined);\n";
const fails = "import { test } from 'node:test';\ntest('it breaks', () => { throw new Error('broken'); });\n";

interface Run {
  readonly files: Record<string, string>;
  readonly args?: string[];
  readonly ci?: boolean;
}

function run({ files, args = [], ci = false }: Run): { code: number | null; output: string } {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'tutti-runner-'));
  mkdirSync(join(folder.path, 'tests'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.path, 'tests', name), text);
  // Under this variable, which our own runner set, Node refuses to run tests within tests.
  const { NODE_TEST_CONTEXT: _context, ...environment } = process.env;
  const env = { ...environment, CI: String(ci), FORCE_COLOR: '0' };
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: folder.path,
    env,
    encoding: 'utf8',
  });
  return { code: status, output: stdout + stderr };
}

test('what passes is green and ends with the closing lines of node', () => {
  const { code, output } = run({ files: { 'a.test.ts': passes } });
  assert.equal(code, 0, output);
  assert.match(output, /^ℹ tests 1$/m);
});

test('a skipped test is said with its reason, and is a failure with CI=true', () => {
  const files = { 'a.test.ts': passes, 'b.test.ts': skips };
  const { code, output } = run({ files });
  assert.match(output, /SKIPPED.*: 1\n.*as root \(needs root\)/);
  assert.equal(code, 0);
  assert.equal(run({ files, ci: true }).code, 1);
});

const red: [string, Run, RegExp][] = [
  ['a failing test', { files: { 'a.test.ts': passes, 'b.test.ts': fails } }, /broken/],
  ['no test file', { files: {} }, /No test ran/],
  ['a filter that fits no file', { files: { 'a.test.ts': passes }, args: ['nowhere'] }, /No test ran/],
  [
    'a title that fits no test',
    { files: { 'a.test.ts': passes }, args: ['--name', 'nothing'] },
    /No test ran/,
  ],
  ['a file without a test', { files: { 'a.test.ts': passes, 'b.test.ts': 'export {};' } }, /b\.test\.ts/],
  ['only skipped tests', { files: { 'a.test.ts': skips } }, /No test ran/],
];

for (const [what, planted, sentence] of red) {
  test(`${what} is red`, () => {
    const { code, output } = run(planted);
    assert.equal(code, 1, output);
    assert.match(output, sentence);
  });
}
