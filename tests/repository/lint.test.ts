/**
 * The lint rules that carry a promise of the house find what is planted: a pure core, and one place that reads the environment.
 */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { ESLint } from 'eslint';

const root = resolve(import.meta.dirname, '../..');

/** The rules that refuse a text, as if it stood in that file. */
async function refusals(file: string, text: string): Promise<(string | null)[]> {
  const [result] = await new ESLint({ cwd: root }).lintText(text, { filePath: resolve(root, file) });
  return result?.messages.map(({ ruleId }) => ruleId) ?? [];
}

const planted: [string, string, string][] = [
  ['the clock in core', 'no-restricted-properties', 'export const now = (): number => Date.now();'],
  ['a date of now in core', 'no-restricted-syntax', 'export const now = (): Date => new Date();'],
  ['chance in core', 'no-restricted-properties', 'export const chance = (): number => Math.random();'],
  [
    'a timer in core',
    'no-restricted-globals',
    'export const start = (f: () => void): unknown => setTimeout(f, 1);',
  ],
  ['a package in core', 'no-restricted-imports', "import { z } from 'zod';\nexport const schema = z.int();"],
  [
    'a type of node: in core',
    'no-restricted-imports',
    "import type { Socket } from 'node:net';\nexport type S = Socket;",
  ],
];

for (const [what, rule, text] of planted) {
  test(`lint refuses ${what}`, async () => {
    assert.deepEqual(await refusals('src/core/ids.ts', text), [rule]);
  });
}

test('lint lets read-env.ts read the environment, and nobody else of src', async () => {
  const text = "export const home = (): string | undefined => process.env['HOME'];";
  assert.deepEqual(await refusals('src/define/read-env.ts', text), []);
  assert.deepEqual(await refusals('src/define/schema.ts', text), ['no-restricted-properties']);
});

test('lint refuses a promise that nobody awaits', async () => {
  const text = 'const later = async (): Promise<void> => { await Promise.resolve(); };\nlater();';
  assert.deepEqual(await refusals('src/define/schema.ts', text), ['@typescript-eslint/no-floating-promises']);
});
