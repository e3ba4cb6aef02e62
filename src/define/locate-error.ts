/**
 * Says in one sentence what went wrong while a module was imported, with file and line. Used where user modules are read.
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const place = /(file:\/\/\/[^\s:)]+|\/[^\s:()]+\.(?:ts|js|mjs|cjs|mts|cts)):(\d+)/g;

/** The first place in the stack that is neither Node's nor a library's. */
function placeOf(stack: string): string | undefined {
  for (const [, file = '', line = ''] of stack.matchAll(place)) {
    const path = file.startsWith('file:') ? fileURLToPath(file) : file;
    if (!path.includes('/node_modules/')) return `${relative(process.cwd(), path)}:${line}`;
  }
  return undefined;
}

export function locate(error: unknown, module: string): string {
  if (!(error instanceof Error)) return `${module} threw ${String(error)}`;
  const code = (error as NodeJS.ErrnoException).code;
  const message = error.message.split('\n').filter((line) => line.trim() !== '')[0] ?? error.name;
  // The message of a missing module names it and who asked, with whole paths: the short form says the same.
  if (code === 'ERR_MODULE_NOT_FOUND') {
    const missing = /Cannot find (?:module|package) '([^']+)'/.exec(error.message)?.[1] ?? '';
    const shortly = missing.startsWith('/') ? relative(process.cwd(), missing) : missing;
    return shortly === '' || shortly === module ? `there is no file ${module}` : `cannot find "${shortly}", imported by ${module}`;
  }
  const where = placeOf(error.stack ?? '') ?? module;
  const kind = error.name === 'Error' ? '' : `${error.name}: `;
  return `${kind}${message} (${where})`;
}
