/**
 * Makes dist/, the package as it is published: JavaScript with types, since Node strips no types under node_modules. Modules that are loaded
 * together are one file: to find, read and link each of a hundred costs an instance as much time as all else it does at its start.
 * Programs stay where they are (dist/bin, dist/src), and `import.meta.url` is what it was, so that every relative path keeps its meaning.
 * Then proves it: publint, attw, and the packed tarball installed, run and type-checked in an empty folder.
 * Publish with `npm publish ./dist`; `private` stops a publish from the root. `--code-only`: without types and proof, to be measured.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempDisposableSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import type { Plugin } from 'esbuild';

const dist = resolve('dist');

function sh(command: string, args: string[], folder = process.cwd()): void {
  console.log(`> ${command} ${args.join(' ')}`);
  const { status } = spawnSync(command, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ended with ${String(status)}`);
}

const compiled = (text: string): string => text.replaceAll(/(['"])(\.{1,2}\/[^'"\n]*)\.ts\1/g, '$1$2.js$1');

/** What is started or imported by its path; all else is in files that these share. */
const programs = [
  'index.ts',
  'testing/index.ts',
  'cli/main.ts',
  'define/manifest-process.ts',
  'processes/keeper/main.ts',
  'processes/supervisor/main.ts',
  'processes/instance/main.ts',
  'services/gateway/gateway.ts',
  'services/event-hook/event-hook.ts',
  'services/store/store.ts',
  'stores/sqlite/verify-copy.ts',
];

/** Of a module that has moved into another file, where it was. */
const placeOf = (file: string): string => {
  const place = relative('src', file).replace(/ts$/, 'js');
  return `(import.meta.url.slice(0, import.meta.url.lastIndexOf('/src/') + 5) + '${place}')`;
};

const keepPlaces: Plugin = {
  name: 'keep-places',
  setup: (all) => {
    all.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', () => placeOf(path)),
      loader: 'ts',
    }));
  },
};

/** tsc gives the types. */
async function bundle(): Promise<void> {
  for (const file of globSync('dist/src/**/*.js')) rmSync(file);
  await build({
    entryPoints: programs.map((program) => `src/${program}`),
    outdir: 'dist/src',
    outbase: 'src',
    chunkNames: 'chunks/[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    plugins: [keepPlaces],
    logLevel: 'warning',
  });
}

/** The entries are JavaScript already, so that Node's compile cache is on before the first .ts; only their imports change. */
function copyEntries(): void {
  for (const entry of globSync(['bin/*.js', 'src/**/*.js'])) {
    const target = join(dist, entry);
    if (existsSync(target))
      throw new Error(`${entry} would replace what was compiled from its .ts neighbour: rename it`);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, compiled(readFileSync(entry, 'utf8')), {
      mode: entry.startsWith('bin/') ? 0o755 : 0o644,
    });
  }
}

/** tsc rewrites imports, but not a path in `new URL('./entry.ts', import.meta.url)`. */
function refuseTypeScriptPaths(): void {
  const bad = globSync('dist/**/*.js').filter((file) =>
    /['"`]\.{1,2}\/[^'"`\n]*\.ts['"`]/.test(readFileSync(file, 'utf8')),
  );
  if (bad.length > 0)
    throw new Error(`These name a .ts file, which the package does not have: ${bad.join(', ')}`);
}

function writeManifest(): void {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, unknown>;
  const dropped = new Set(['private', 'workspaces', 'scripts', 'devDependencies', 'allowScripts', 'exports']);
  const kept = Object.fromEntries(Object.entries(manifest).filter(([key]) => !dropped.has(key)));
  const exports = JSON.parse(JSON.stringify(manifest['exports']), (_key, value: unknown) =>
    typeof value === 'string' ? value.replace(/\.ts$/, '.js') : value,
  ) as unknown;
  writeFileSync(join(dist, 'package.json'), `${JSON.stringify({ ...kept, exports }, null, 2)}\n`);
  for (const file of ['README.md', 'LICENSE', 'CHANGELOG.md'])
    if (existsSync(file)) cpSync(file, join(dist, file));
}

const strangersFiles = {
  'package.json': '{ "private": true, "type": "module" }',
  'clock.ts': `import { defineService } from 'tutti';
import { z } from 'zod';
const input = z.object({ number: z.int() });
export default defineService({
  name: 'clock',
  actions: (action) => ({ double: action({ input, output: z.int(), run: ({ input }) => Promise.resolve(input.number * 2) }) }),
});
`,
  'app.ts': `import { defineApp } from 'tutti';
export default defineApp({
  name: 'packed',
  services: { clock: { module: './clock.ts' } },
  gateways: { public: { port: 0 } },
});
`,
  'try.ts': `import { startTestApp } from 'tutti/testing';
import app from './app.ts';
import clock from './clock.ts';
console.log(app.name, clock.name, typeof startTestApp);
`,
};

/** What a stranger does: installs the tarball in an empty folder, runs a file that imports it and an app, type-checks that file. */
function tryTarball(): void {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'tutti-packed-'));
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  sh('npm', ['pack', '--silent', '--pack-destination', folder.path, dist]);
  for (const [name, text] of Object.entries(strangersFiles)) writeFileSync(join(folder.path, name), text);
  sh('npm', ['install', '--silent', '--no-audit', '--no-fund', `./tutti-${version}.tgz`], folder.path);
  sh(process.execPath, ['try.ts'], folder.path);
  const tutti = (...args: string[]): void => {
    sh(process.execPath, ['node_modules/tutti/bin/tutti.js', ...args, 'app.ts'], folder.path);
  };
  tutti('check');
  tutti('start', '-d');
  try {
    tutti('call', 'clock.double', '{"number":21}', '--app');
  } finally {
    tutti('stop', '--app');
  }
  const options = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2024', '--module', 'nodenext'];
  const types = [
    '--allowImportingTsExtensions',
    '--types',
    'node',
    '--typeRoots',
    resolve('node_modules/@types'),
  ];
  sh(
    process.execPath,
    [resolve('node_modules/typescript/bin/tsc'), ...options, ...types, 'try.ts'],
    folder.path,
  );
}

function prove(): void {
  sh('publint', ['--strict', 'dist']);
  sh('attw', ['--pack', 'dist', '--profile', 'esm-only', '--no-emoji', '--quiet']);
  tryTarball();
}

const isCodeOnly = process.argv.includes('--code-only');
rmSync(dist, { recursive: true, force: true });
if (!isCodeOnly) sh('tsc', ['-p', 'tsconfig.build.json', '--outDir', 'dist/src']);
await bundle();
copyEntries();
refuseTypeScriptPaths();
writeManifest();
if (!isCodeOnly) prove();
console.log(isCodeOnly ? 'dist/ holds the code of the package' : 'dist/ holds the package');
