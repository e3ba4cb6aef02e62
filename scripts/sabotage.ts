/**
 * Shows that the tests can fail: `npm run test:sabotage`, `npm run test:sabotage -- 'fault 2' keeper` for the mutants whose promise
 * or file has one of the words. Each mutant of tests/sabotage/mutants.ts is put into a copy of the repository, of which there are three, where its test must
 * pass before and fail after. Refuses a mutant whose text is not there exactly once, and one that is no TypeScript.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempDisposableSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  lstatSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs, styleText } from 'node:util';
import { mutants } from '../tests/sabotage/mutants.ts';
import type { Mutant } from '../tests/sabotage/mutant.ts';

const longestRunMs = 240_000;
/** A test that a mutant makes wait for ever has failed: it may take four times as long as without it, and this. */
const patienceMs = 15_000;
const left: ReadonlySet<string> = new Set(['node_modules', '.git', 'dist', 'coverage', '.tutti']);

const { positionals: words } = parseArgs({ allowPositionals: true });
const chosen = mutants.filter(
  ({ promise, file }) => words.length === 0 || words.some((word) => `${promise} ${file}`.includes(word)),
);

/** The workspace's own links are relative, and so point at the copy; all else is taken from here. */
function linkModules(from: string, to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(from)) {
    if (name === '.cache') continue;
    const path = join(from, name);
    symlinkSync(lstatSync(path).isSymbolicLink() ? readlinkSync(path) : realpathSync(path), join(to, name));
  }
}

function copyRepository(to: string): void {
  cpSync(resolve('.'), to, { recursive: true, filter: (path) => !left.has(basename(path)) });
  linkModules(resolve('node_modules'), join(to, 'node_modules'));
}

interface Outcome {
  /** Undefined: none ran. */
  readonly passed: boolean | undefined;
  readonly tookMs: number;
}

/** Also an app that a test has started, which outlives it: all that was given our environment. */
function endAllOf(folder: string): void {
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    try {
      const environment = readFileSync(`/proc/${String(pid)}/environ`, 'utf8');
      if (environment.includes(`${folder}/`)) process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended, or is another user's.
    }
  }
}

/** The tests of this mutant in the copy; what is not done within the time has failed. */
async function outcomeOf(folder: string, { tests, name }: Mutant, withinMs: number): Promise<Outcome> {
  const startedAt = performance.now();
  const args = ['scripts/test.ts', ...tests, ...(name === undefined ? [] : ['--name', name])];
  const env = { ...process.env, CI: 'false', NODE_COMPILE_CACHE: join(folder, 'node_modules/.cache') };
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text: Buffer) => (said += text.toString()));
  const limit = setTimeout(() => {
    endAllOf(folder);
  }, withinMs);
  const [code] = (await once(child, 'close')) as [number | null];
  clearTimeout(limit);
  return { passed: /No test ran/.test(said) ? undefined : code === 0, tookMs: performance.now() - startedAt };
}

/** The sabotaged text. @throws {Error} when the mutant does not fit the source. */
function sabotaged(text: string, { find, replace, file }: Mutant): string {
  const found = text.split(find).length - 1;
  if (found !== 1) throw new Error(`its text is ${String(found)} times in ${file}`);
  const mutated = text.replace(find, () => replace);
  if (file.endsWith('.ts')) stripTypeScriptTypes(mutated);
  return mutated;
}

const before = new Map<string, Promise<Outcome>>();

/** What is wrong with a mutant, or nothing. */
async function trouble(folder: string, mutant: Mutant): Promise<string | undefined> {
  const path = join(folder, mutant.file);
  const text = readFileSync(path, 'utf8');
  try {
    const mutated = sabotaged(text, mutant);
    const key = JSON.stringify([mutant.tests, mutant.name]);
    const sound = before.get(key) ?? outcomeOf(folder, mutant, longestRunMs);
    before.set(key, sound);
    const { passed, tookMs } = await sound;
    if (passed !== true) return passed === undefined ? 'no test ran' : 'its test fails without it too';
    writeFileSync(path, mutated);
    const after = await outcomeOf(folder, mutant, patienceMs + 4 * tookMs);
    return after.passed === false ? undefined : 'it SURVIVED: no test failed';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    writeFileSync(path, text);
  }
}

/** Most tests wait more than they work. */
const copies = Math.min(3, chosen.length);
using folder = mkdtempDisposableSync(join(realpathSync(tmpdir()), 'tutti-sabotage-'));
const waiting = [...chosen];
let survivors = 0;

async function work(copy: string): Promise<void> {
  copyRepository(copy);
  for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
    const problem = await trouble(copy, mutant);
    if (problem !== undefined) survivors += 1;
    const mark = problem === undefined ? styleText('green', '✔ killed') : styleText('red', `✖ ${problem}`);
    console.log(`${mark}: ${mutant.promise} (${mutant.file})`);
  }
}

await Promise.all(Array.from({ length: copies }, (_none, n) => work(join(folder.path, String(n)))));
console.log(`\n${String(chosen.length - survivors)} of ${String(chosen.length)} mutants were killed`);
process.exitCode = survivors > 0 || chosen.length === 0 ? 1 : 0;
