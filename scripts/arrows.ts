/**
 * Reads every import of src, tests and examples and refuses those that go against the arrows of .dependency-cruiser.cjs.
 * Used by `npm run check`; works on the current folder. Refuses to pass when a file of src was not read: with a
 * TypeScript it does not know, dependency-cruiser reads nothing and is content.
 */
import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { cruise, format } from 'dependency-cruiser';
import type { ICruiseResult } from 'dependency-cruiser';
import extractOptions from 'dependency-cruiser/config-utl/extract-depcruise-options';
import extractTsConfig from 'dependency-cruiser/config-utl/extract-ts-config';

async function readImports(): Promise<ICruiseResult> {
  const folders = ['src', 'tests', 'examples'].filter((folder) => globSync(`${folder}/*`).length > 0);
  const options = await extractOptions(resolve('.dependency-cruiser.cjs'));
  const { output } = await cruise(folders, options, undefined, {
    tsConfig: extractTsConfig(resolve('tsconfig.json')),
  });
  if (typeof output === 'string')
    throw new Error('dependency-cruiser gave text where its result was asked for');
  return output;
}

/** The files of src that exist but were not read, and therefore not checked. */
function unread(result: ICruiseResult): string[] {
  const read = new Set(result.modules.map((module) => module.source));
  return globSync('src/**/*.ts').filter((file) => !read.has(file.replaceAll('\\', '/')));
}

const result = await readImports();
const report = await format(result, { outputType: 'err' });
if (typeof report.output === 'string') process.stdout.write(report.output);

const missed = unread(result);
const read = result.modules.filter((module) => /^src\/.*\.ts$/.test(module.source)).length;
for (const file of missed) console.error(`not read: ${file}`);
console.log(`${String(read)} files of src were read, ${String(missed.length)} were not`);
process.exitCode = report.exitCode === 0 && missed.length === 0 && read > 0 ? 0 : 1;
