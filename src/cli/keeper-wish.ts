/**
 * What the keeper needs to know to run an app. `tutti start` and `tutti dev` make it; bin/tutti.js fulfils it.
 */
import { isatty } from 'node:tty';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../os/clock.ts';
import type { AppLocation } from './app-location.ts';
import type { KeeperWish } from './outcome.ts';
import { packageVersion } from './version.ts';

/** Longer than the app's own `shutdownTimeout`, which does it in order. */
const graceMs = 70_000;

/** @param dev follow the files of the project. */
export function keeperWish({ appFile, runDir, stateDir }: AppLocation, { dev = false } = {}): KeeperWish {
  const colors = (process.env['NO_COLOR'] ?? '') === '';
  // The moment this process began, not the one at which it got here.
  const startedAt = systemClock.now() - process.uptime() * 1_000;
  const given = { appFile, runDir, stateDir, colors, startedAt, version: packageVersion(), dev };
  return {
    ...{ appFile, runDir, stateDir, graceMs },
    env: process.env,
    detached: !isatty(0),
    supervisorEntry: fileURLToPath(new URL('../processes/supervisor/supervisor.js', import.meta.url)),
    supervisorArgs: [JSON.stringify(given)],
  };
}
