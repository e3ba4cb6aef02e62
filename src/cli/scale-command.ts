/** `tutti scale`: how many instances of a service run. Outlives the app's restart, until `default` takes it back. */
import { displayName } from '../core/ids.ts';
import { typed } from '../core/next-steps.ts';
import { shown } from '../core/options.ts';
import type { InstanceStatus, ServiceStatus } from '../core/status.ts';
import type { AppConnection } from './app-connection.ts';
import { carryOut } from './change.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import type { FoundTarget } from './find-target.ts';
import { findTarget, serviceOf } from './find-target.ts';
import { judgeScale } from './judges.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { usage } from './parse-option.ts';
import { jsonOption, waitOption } from './shared-options.ts';

const example = 'tutti scale users=3, or users=default';
const slotNumber = (slot: string): number => Number(slot.slice(slot.lastIndexOf('#') + 1));

interface Wish {
  readonly name: string;
  /** Undefined: as the app file says. */
  readonly replicas: number | undefined;
}

function parseScale(text: string): Wish {
  const [name = '', count, ...rest] = text.split('=');
  if (name === '' || count === undefined || rest.length > 0) throw usage(`expected ${example}; got ${text}`);
  if (count !== 'default' && !/^\d{1,9}$/.test(count))
    throw usage(`expected a whole number, or default; got ${shown(count)}`);
  return { name, replicas: count === 'default' ? undefined : Number(count) };
}

/** Asks, and says who is wanted now: the supervisor knows what the app file says. */
async function ask(app: AppConnection, found: FoundTarget, replicas: number | undefined): Promise<number> {
  const { instances } = await app.post<{ instances: readonly string[] }>('/scale', {
    service: found.service,
    ...(replicas === undefined ? {} : { replicas }),
  });
  const { wanted } = serviceOf(await app.status(), found.service);
  // Of a service that is stopped by hand nobody is wanted; then those that remain count.
  return replicas ?? (wanted > 0 ? wanted : instances.length);
}

/** One after the other; all are read before the first is asked for. */
async function scale(invocation: Invocation): Promise<Outcome> {
  let last = exit('ok');
  for (const wish of invocation.args.map(parseScale)) {
    const outcome = await scaleOne(wish, invocation);
    if (outcome.keeper === undefined && outcome.exitCode !== 0) last = outcome;
  }
  return last;
}

function scaleOne({ name, replicas }: Wish, invocation: Invocation): Promise<Outcome> {
  return withApp(invocation.options.app, async (app) => {
    const status = await app.status();
    const found = findTarget(status, name);
    if (found.slot !== undefined) throw usage(`A service is scaled, not one of its instances: ${example}`);
    const { wanted: before, instances } = serviceOf(status, found.service);
    const isStopped = before === 0 && instances.length > 0;
    let count = 0;
    const isWanted = (now: InstanceStatus | undefined): boolean =>
      !isStopped && now !== undefined && slotNumber(now.slot) <= count;
    const change = {
      found,
      ask: async () => {
        count = await ask(app, found, replicas);
      },
      judge: judgeScale(isWanted),
      nothing: (service: ServiceStatus) => words(service, isStopped),
    };
    return carryOut(app, change, invocation);
  });
}

function words({ name, ready }: ServiceStatus, isStopped: boolean): string {
  const service = displayName(name);
  if (isStopped)
    return `${service} is stopped by hand; it has as many once it is started: npx tutti start ${typed(name)}`;
  return `${service} has ${String(ready)} ready already`;
}

export const scaleCommand: CommandSpec = {
  name: 'scale',
  summary: 'Run more or fewer instances of services',
  details: 'It is remembered when the app starts again. `=default` goes back to what the app file says.',
  arguments: [{ syntax: '<service=count...>', words: 'users=3, or users=default; several in a row' }],
  options: [waitOption('how long to wait until they are ready, or gone; default: 30s'), jsonOption],
  examples: [
    { line: 'tutti scale users=3 orders=2', words: 'three of one, two of the other' },
    { line: 'tutti scale users=default', words: 'as many as the app file says' },
  ],
  run: scale,
};
