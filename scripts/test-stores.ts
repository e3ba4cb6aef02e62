/**
 * The tests of what is kept in a store, with the store in Redis and in PostgreSQL: `npm run test:stores`. Both are started for it, on ports of their own, as
 * the tests of the drivers do; what is not installed is skipped loudly, and is a failure where CI=true.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { styleText } from 'node:util';
import { missing, startEngine } from '../tests/stores/change-log/engine-servers.ts';

const suites = ['journeys/jobs.test', 'journeys/idempotency'];
/** CI has 25 minutes, and does these with a store in a file. */
const more = ['journeys/job-facade', 'journeys/durable-events', 'journeys/schedules'];
const killed = ['faults/jobs', 'faults/durable-events', 'faults/schedules'];
if (process.env['CI'] !== 'true') suites.push(...more, ...killed);

let hasFailed = false;
for (const engine of ['redis', 'postgres'] as const) {
  const why = missing[engine];
  if (why !== false) {
    console.log(
      styleText(
        ['bold', 'yellow'],
        `\nSKIPPED, and therefore not shown to work: a store in ${engine} ${why}`,
      ),
    );
    hasFailed ||= process.env['CI'] === 'true';
    continue;
  }
  console.log(styleText('bold', `\nWith the store in ${engine}:`));
  await using server = await startEngine[engine]();
  const env = { ...process.env, TUTTI_TEST_STORE: server.url };
  const child = spawn(process.execPath, ['scripts/test.ts', ...suites], { env, stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  hasFailed ||= code !== 0;
}
process.exitCode = hasFailed ? 1 : 0;
