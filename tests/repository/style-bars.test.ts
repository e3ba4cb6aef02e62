/**
 * The bars of the house that a machine can read: how long files and functions are, and what never stands in src/.
 * ESLint holds the rest (at most three parameters, no `any` that comes from inference).
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';

const root = resolve(import.meta.dirname, '../..');

/** Files that are one table, which no split makes easier to read. */
const tables: string[] = [];

const sources = globSync('src/**/*.ts', { cwd: root }).map((file) => {
  const text = readFileSync(resolve(root, file), 'utf8');
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  return { file, tree, lines: text.trimEnd().split('\n').length };
});

function* nodes(of: ts.Node): Generator<ts.Node> {
  yield of;
  for (const child of of.getChildren()) yield* nodes(child);
}

/** `file:line` of every node in src/ of which `bad` is true. */
const places = (bad: (node: ts.Node) => boolean): string[] =>
  sources.flatMap(({ file, tree }) =>
    [...nodes(tree)].filter(bad).map((node) => `${file}:${String(lineOf(tree, node.getStart()))}`),
  );

const lineOf = (tree: ts.SourceFile, position: number): number =>
  tree.getLineAndCharacterOfPosition(position).line + 1;

const percentile = (values: number[], share: number): number =>
  values.toSorted((left, right) => left - right)[Math.ceil(values.length * share) - 1] ?? 0;

test('half the files of src have at most 120 lines, 85 % at most 300, none more than 400', () => {
  const lengths = sources.map(({ lines }) => lines);
  assert.ok(percentile(lengths, 0.5) <= 120, `the median is ${String(percentile(lengths, 0.5))} lines`);
  assert.ok(percentile(lengths, 0.85) <= 300, `85 % have up to ${String(percentile(lengths, 0.85))} lines`);
  const long = sources.filter(({ file, lines }) => lines > 400 && !tables.includes(file));
  assert.deepEqual(
    long.map(({ file }) => file),
    [],
  );
});

test('nine functions in ten have at most 20 lines', () => {
  const lengths = sources.flatMap(({ tree }) =>
    [...nodes(tree)]
      .filter((node) => ts.isFunctionLike(node) && 'body' in node && node.body !== undefined)
      .map((node) => lineOf(tree, node.end) - lineOf(tree, node.getStart()) + 1),
  );
  const nine = percentile(lengths, 0.9);
  assert.ok(
    nine <= 20,
    `nine in ten of ${String(lengths.length)} functions have up to ${String(nine)} lines`,
  );
});

test('nothing in src is exported as default but the services that an instance runs', () => {
  const defaults = places(
    (node) =>
      (ts.isExportAssignment(node) && node.isExportEquals !== true) ||
      (ts.isExportSpecifier(node) && node.name.text === 'default') ||
      (node.kind === ts.SyntaxKind.DefaultKeyword &&
        !ts.isDefaultClause(node.parent) &&
        !ts.isExportAssignment(node.parent)),
  );
  assert.deepEqual(
    defaults.filter((place) => !place.startsWith('src/services/')),
    [],
  );
});

test('no type in src is any', () => {
  assert.deepEqual(
    places((node) => node.kind === ts.SyntaxKind.AnyKeyword),
    [],
  );
});

test('no file of src is named after nothing', () => {
  assert.deepEqual(globSync('src/**/{utils,util,helpers,helper,types,common,misc}.*', { cwd: root }), []);
});
