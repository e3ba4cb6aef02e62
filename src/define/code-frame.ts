/**
 * The line of source an error is about, with a mark below the place: as Node prints it for an error that nobody caught.
 * Used by the throw-away process that reads a project for `tutti dev`.
 */
import { readFileSync } from 'node:fs';
import { basename, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isOfProject } from './own-code.ts';

const place = /(file:\/\/\/[^\s:)]+|\/[^\s:()]+\.(?:ts|js|mjs|cjs|mts|cts)):(\d+):(\d+)/g;
/** Of a minified line nobody wants to see all. */
const longestLine = 160;
const mostLines = 12;

const cut = (line: string): string => (line.length > longestLine ? `${line.slice(0, longestLine)} …` : line);
const pathOf = (file: string): string => (file.startsWith('file:') ? fileURLToPath(file) : file);

/** An error of syntax brings its frame along, above its own name. */
function givenFrame(stack: string): string | undefined {
  const lines = stack.split('\n');
  const end = lines.findIndex((line) => /^\s*\^+\s*$/.test(line));
  const [, file, line] = /^(.+):(\d+)$/.exec(lines[0] ?? '') ?? [];
  if (end < 1 || file === undefined || line === undefined) return undefined;
  const shown = lines.slice(1, end + 1).slice(-mostLines);
  return [`${relative(process.cwd(), pathOf(file))}:${line}`, ...shown.map(cut)].join('\n');
}

/** Of what was thrown the first place in the project's own code. */
function thrownFrame(stack: string): string | undefined {
  for (const [, file = '', line = '', column = ''] of stack.matchAll(place)) {
    const path = pathOf(file);
    if (!isOfProject(path)) continue;
    const source = readFileSync(path, 'utf8').split('\n')[Number(line) - 1];
    if (source === undefined || source.length > longestLine) return undefined;
    const mark = `${source.slice(0, Number(column) - 1).replaceAll(/[^\t]/g, ' ')}^`;
    return [`${relative(process.cwd(), path)}:${line}`, source, mark].join('\n');
  }
  return undefined;
}

/** Of what is missing: who asks for it. Undefined where that is not the project, which names its services in the app file. */
function importFrame(message: string): string | undefined {
  const [, missing = '', importer = ''] = /'([^']+)' imported from (.+)$/m.exec(message) ?? [];
  if (importer === '' || !isOfProject(importer)) return undefined;
  const lines = readFileSync(importer, 'utf8').split('\n');
  const at = lines.findIndex((line) => /\b(?:from|import)\b/.test(line) && line.includes(basename(missing)));
  const source = lines[at];
  return source === undefined
    ? undefined
    : `${relative(process.cwd(), importer)}:${String(at + 1)}\n${cut(source)}`;
}

/** Undefined where no line can be shown. */
export function codeFrame(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined;
  try {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return importFrame(error.message);
    return givenFrame(error.stack) ?? thrownFrame(error.stack);
  } catch {
    // The file may be gone by now.
    return undefined;
  }
}
