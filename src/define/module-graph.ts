/**
 * Which files of the project a module loads, directly and by way of others. Watches Node resolve imports in this process, so it is made
 * before the first of them; used by the throw-away process that reads a project for `tutti dev`.
 * What is in `node_modules`, and Tutti itself, is not of the project. A type-only import is no import: Node erases it.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isOfProject } from './own-code.ts';

/** `?1` makes another module of the same file. */
const bare = (url: string): string => url.replace(/[?#].*$/, '');

/** What runs only later is not seen at import: of a relative path written as a literal it is known all the same. */
const lazyImport = /\bimport\s*\(\s*(['"])(\.{1,2}\/[^'"]+)\1/g;
/** In a module that nobody has loaded yet. */
const staticImport = /^\s*(?:import|export)\b(?!\s+type\b)[^'";]*?(['"])(\.{1,2}\/[^'"]+)\1/gm;

function sourceOf(url: string): string | undefined {
  try {
    return readFileSync(new URL(url), 'utf8');
  } catch {
    return undefined;
  }
}

const targets = (source: string, pattern: RegExp, url: string): string[] =>
  [...source.matchAll(pattern)].map(([, , specifier = '']) => bare(new URL(specifier, url).href));

export class ModuleGraph {
  readonly #edges = new Map<string, Set<string>>();
  readonly #read = new Set<string>();

  constructor() {
    registerHooks({
      resolve: (specifier, context, next) => {
        const parent = bare(context.parentURL ?? '');
        try {
          const resolved = next(specifier, context);
          this.#add(parent, bare(resolved.url));
          return resolved;
        } catch (error) {
          // What is missing may come: it is then a change of the one who asked for it.
          if (/^\.{1,2}\//.test(specifier) && parent !== '')
            this.#add(parent, bare(new URL(specifier, parent).href));
          throw error;
        }
      },
    });
  }

  /** Absolute paths, the module's own first. */
  filesOf(path: string): string[] {
    const found = new Set([pathToFileURL(path).href]);
    for (const url of found) {
      this.#readSource(url);
      for (const target of this.#edges.get(url) ?? []) found.add(target);
    }
    return [...found].map((url) => fileURLToPath(url));
  }

  #readSource(url: string): void {
    if (this.#read.has(url)) return;
    this.#read.add(url);
    const source = sourceOf(url);
    if (source === undefined) return;
    const wasLoaded = this.#edges.has(url);
    for (const target of targets(source, lazyImport, url)) this.#add(url, target);
    if (!wasLoaded) for (const target of targets(source, staticImport, url)) this.#add(url, target);
  }

  #add(from: string, to: string): void {
    if (![from, to].every((url) => url.startsWith('file:') && isOfProject(url))) return;
    const known = this.#edges.get(from);
    if (known === undefined) this.#edges.set(from, new Set([to]));
    else known.add(to);
  }
}
