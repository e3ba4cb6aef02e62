/**
 * The two directories of an app: the run directory (sockets, `processes`; gone with the machine) and the state
 * directory (lock, logs, store). Used by the keeper, which makes them, and the CLI, which looks for them.
 * Refuses what another user could have laid out for us: wrong owner, open mode, symlink.
 */
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { TuttiError } from '../core/errors.ts';

interface RunDirectoryEnv {
  readonly XDG_RUNTIME_DIR?: string;
  readonly tmp: string;
  readonly uid: number;
}

/** The limit of `sun_path` is 108 on Linux and 104 on macOS, with the closing zero. */
const longestSocketPath = 100;

export function runDirectory(appFile: string, env: RunDirectoryEnv): string {
  const hash = shortHash(realPath(appFile), 12);
  const base = env.XDG_RUNTIME_DIR;
  // An empty or relative value is to be ignored, says the XDG specification.
  if (base?.startsWith('/') === true) return join(base, 'tutti', hash);
  return join(env.tmp, `tutti-${String(env.uid)}`, hash);
}

export function stateDirectory(appFile: string, override?: string): string {
  if (override !== undefined && override !== '') return resolve(override);
  return join(dirname(realPath(appFile)), '.tutti');
}

/** `<run>/<name>.sock`, or a hash of the name where that is too long for a socket or no file name. */
export function socketPath(runDir: string, name: string): string {
  const plain = join(runDir, `${name}.sock`);
  if (!name.includes('/') && !name.includes('\0') && Buffer.byteLength(plain) <= longestSocketPath)
    return plain;
  const hashed = join(runDir, `${shortHash(name, 16)}.sock`);
  if (Buffer.byteLength(hashed) <= longestSocketPath) return hashed;
  throw invalid(
    `The path ${hashed} is too long for a socket`,
    'set XDG_RUNTIME_DIR or TMPDIR to a shorter path',
  );
}

/**
 * Makes the directory, 0700, with the levels above it that are ours; or accepts one that is there and is just so.
 * @throws {TuttiError} `CONFIG_INVALID` naming the path, what is wrong with it and what to do.
 */
export function openPrivateDirectory(path: string): void {
  const parent = dirname(path);
  if (isOurLevel(parent)) openPrivateDirectory(parent);
  else mkdirSync(parent, { recursive: true, mode: 0o755 });
  refuseOpenParent(parent);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw invalid(`The directory ${path} cannot be made`, `look at ${parent}`, error);
    }
  }
  refuseForeign(path);
}

/** `tutti`, `tutti-1000` and `.tutti` are names that we give; everything above them is the user's. */
const isOurLevel = (path: string): boolean => /^(?:\.tutti|tutti(?:-\d+)?)$/.test(basename(path));

/** Where anybody may rename what is ours, a check says nothing about the moment after it. */
function refuseOpenParent(parent: string): void {
  const { mode } = statSync(parent);
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) {
    throw invalid(`Every user may replace what is in ${parent}`, `chmod o-w ${parent}`);
  }
}

function refuseForeign(path: string): void {
  const found = lstatSync(path);
  const uid = process.getuid?.() ?? found.uid;
  const aside = `move it away or choose another place`;
  if (found.isSymbolicLink()) throw invalid(`${path} is a symlink and will not be followed`, aside);
  if (!found.isDirectory()) throw invalid(`${path} is not a directory`, aside);
  if (found.uid !== uid)
    throw invalid(`${path} belongs to user ${String(found.uid)}, not to ${String(uid)}`, aside);
  if ((found.mode & 0o077) !== 0) {
    const mode = (found.mode & 0o777).toString(8);
    throw invalid(`${path} is open to other users (mode ${mode})`, `chmod 700 ${path}`);
  }
}

function invalid(problem: string, fix: string, cause?: unknown): TuttiError {
  return new TuttiError('CONFIG_INVALID', { message: `${problem}: ${fix}` }, { cause });
}

const shortHash = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits);

/** A file that is not there (any more) still has a name by which its app can be found. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
