/**
 * Says in one sentence what went wrong while a module was imported, with file and line. Used where user modules are read.
 */
import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shown } from '../core/options.ts';
import { isOfProject } from './own-code.ts';

const place = /(file:\/\/\/[^\s:)]+|\/[^\s:()]+\.(?:ts|js|mjs|cjs|mts|cts)):(\d+)/g;

/** The first place in the stack that is of the project. */
function placeOf(stack: string): string | undefined {
  for (const [, file = '', line = ''] of stack.matchAll(place)) {
    const path = file.startsWith('file:') ? fileURLToPath(file) : file;
    if (isOfProject(path)) return `${relative(process.cwd(), path)}:${line}`;
  }
  return undefined;
}

/** Node's message names what is missing and who asked, with whole paths: the short form says the same. */
function missingText(message: string, module: string): string {
  const [, missing = '', importer = module] =
    /Cannot find (?:module|package) '([^']+)'(?: imported from (.+))?/.exec(message) ?? [];
  const short = (path: string): string => (path.startsWith('/') ? relative(process.cwd(), path) : path);
  return missing === '' || missing === resolve(module)
    ? `there is no file ${module}`
    : `cannot find "${short(missing)}", imported by ${short(importer)}`;
}

/** @param module its path, from the working directory. */
export function locate(error: unknown, module: string): string {
  if (!(error instanceof Error)) return `${module} threw ${shown(error)}`;
  const code = (error as NodeJS.ErrnoException).code;
  const message = error.message.split('\n').filter((line) => line.trim() !== '')[0] ?? error.name;
  if (code === 'ERR_MODULE_NOT_FOUND') return missingText(message, module);
  const where = placeOf(error.stack ?? '') ?? module;
  const kind = error.name === 'Error' ? '' : `${error.name}: `;
  return `${kind}${message} (${where})`;
}
