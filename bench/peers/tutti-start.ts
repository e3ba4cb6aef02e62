/**
 * Tutti in bench/start.ts: an instance of a running app, restarted; its start and readiness as the supervisor saw them. The package as it
 * is published, in a folder of a user.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { privateMiB } from '../lib/proc.ts';
import { newFolder } from '../lib/spawn.ts';
import { startTutti } from '../lib/tutti.ts';

const root = resolve(import.meta.dirname, '../..');
export const packedTutti = join(root, 'dist/bin/tutti.js');

export function buildPackage(): void {
  execFileSync(process.execPath, ['scripts/build.ts', '--code-only'], { cwd: root, stdio: 'inherit' });
}

/** `files`: their texts by their paths. */
export function userFolder(files: Readonly<Record<string, string>>): string {
  const folder = newFolder();
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(join(root, 'dist'), join(folder, 'node_modules/tutti'));
  symlinkSync(join(root, 'node_modules/zod'), join(folder, 'node_modules/zod'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

export const serviceWithZod = (name: string): string => `import { defineService } from 'tutti';
import { z } from 'zod';
const input = z.object({ id: z.int() });
export default defineService({ name: '${name}', actions: (action) => ({ get: action({ input, output: input, run: ({ input }) => input }) }) });
`;

const plainService = `import { defineService } from 'tutti';
export default defineService({ name: 'plain', actions: (action) => ({ now: action({ run: () => Date.now() }) }) });
`;

export const appText = (app: object): string =>
  `import { defineApp } from 'tutti';\nexport default defineApp(${JSON.stringify(app)});\n`;

export interface TuttiInstances extends AsyncDisposable {
  again(service: 'plain' | 'zodded'): Promise<{ readyMs: number; memoryMiB: number }>;
}

export async function startTuttiInstances(restMs: number): Promise<TuttiInstances> {
  const services = { plain: { module: './plain.ts' }, zodded: { module: './zodded.ts' } };
  const folder = userFolder({
    'tutti.ts': appText({ name: 'bench-start', services }),
    'plain.ts': plainService,
    'zodded.ts': serviceWithZod('zodded'),
  });
  const app = await startTutti(join(folder, 'tutti.ts'), {}, packedTutti);
  return {
    async again(service) {
      const before = await app.instance(service);
      await app.command('restart', service);
      let now = before;
      while (now.pid === before.pid) {
        await app.untilReady();
        now = await app.instance(service);
      }
      await delay(restMs);
      return { readyMs: now.since - (now.startedAt ?? NaN), memoryMiB: privateMiB(now.pid ?? 0) };
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
