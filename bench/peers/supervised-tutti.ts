/**
 * Tutti in bench/supervision.ts: the package as it is published, and an app written for the occasion, whose services run the lines of lib/service.js in their `open`.
 * With a `gatewayPort`, a service `who` too, as users write one: an action with zod schemas behind a gateway.
 */
import { join, resolve } from 'node:path';
import type { Services, Supervised } from '../lib/supervised.ts';
import { startTutti } from '../lib/tutti.ts';
import { appText, packedTutti, userFolder } from './tutti-start.ts';

const lines = resolve(import.meta.dirname, '../lib/service.js');

const serviceText = (name: string): string => `import { defineService } from 'tutti';
import { begin } from '${lines}';
export default defineService({ name: '${name}', open: () => begin(process.env), actions: () => ({}) });
`;

const whoText = `import { defineService } from 'tutti';
import { z } from 'zod';
export default defineService({
  name: 'who',
  actions: (action) => ({
    pid: action({ http: 'GET /', input: z.object({}), output: z.object({ pid: z.int() }), run: () => ({ pid: process.pid }) }),
  }),
});
`;

/** PM2's own `min_uptime`: what lived so long is started again at once, by both. */
const restart = { minUptime: 1_000 };

function writeApp(services: Services, gatewayPort: number | undefined): string {
  const files: Record<string, string> = { 'package.json': '{ "type": "module" }' };
  const entries: Record<string, object> = {};
  for (const [name, env] of Object.entries(services)) {
    files[`${name}.js`] = serviceText(name);
    entries[name] = { module: `./${name}.js`, env };
  }
  if (gatewayPort !== undefined) {
    files['who.js'] = whoText;
    entries['who'] = { module: './who.js' };
  }
  const gateways = gatewayPort === undefined ? {} : { public: { host: '127.0.0.1', port: gatewayPort } };
  const app = appText({ name: 'supervised', restart, services: entries, gateways });
  return join(userFolder({ ...files, 'tutti.ts': app }), 'tutti.ts');
}

export async function superviseTutti(services: Services, gatewayPort?: number): Promise<Supervised> {
  const app = await startTutti(writeApp(services, gatewayPort), {}, packedTutti);
  return {
    supervisors: await app.supervisors(),
    pidOf: async (name) => (await app.instance(name)).pid ?? 0,
    says: (name) => app.instance(name),
    async stopAll() {
      await app.command('stop');
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}
