/**
 * A port of a gateway that somebody else has: tried before the slow part of a start, and said with the gateway, its setting and who has it.
 * Used by whoever opens listeners; who gets the port in the end decides the keeper.
 */
import { createServer } from 'node:net';
import { isTuttiError, TuttiError } from '../../core/errors.ts';
import { displayName, gatewayService } from '../../core/ids.ts';
import { escapeControls } from '../../core/log-line.ts';
import { typed } from '../../core/next-steps.ts';
import { fillOptions } from '../../core/options.ts';
import type { AppDefinition } from '../../define/app.ts';
import { gatewayOptions } from '../../define/options.ts';
import { portHolder } from '../../os/port-holder.ts';

interface Listener {
  /** `gateway:public` */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** What else may be wrong with an address is found when it is opened. @throws {TuttiError} `CONFLICT` when one is taken. */
export async function tryPorts({ gateways = {} }: AppDefinition): Promise<void> {
  for (const [name, { host, port }] of Object.entries(gateways)) {
    const address = fillOptions(gatewayOptions, { host, port });
    const listener = { name: gatewayService(name), host: address.host, port: address.port };
    if (await isTaken(listener)) throw portTaken(listener);
  }
}

function isTaken({ host, port }: Listener): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once('error', ({ code }: NodeJS.ErrnoException) => {
    resolve(code === 'EADDRINUSE');
  });
  server.listen({ host: host === 'localhost' ? '127.0.0.1' : host, port, exclusive: true }, () => {
    server.close(() => {
      resolve(false);
    });
  });
  return promise;
}

/** An error of opening a listener, told better where it is that. */
export const explainTaken = (error: unknown, listener: Listener): unknown =>
  isTuttiError(error) && error.data['reason'] === 'EADDRINUSE' ? portTaken(listener) : error;

function portTaken({ name, host, port }: Listener): TuttiError {
  const holder = portHolder(port);
  const who =
    holder === undefined ? '' : ` by process ${String(holder.pid)} (${escapeControls(holder.title)})`;
  const setting = `gateways: { ${typed(name)}: { port } }`;
  return new TuttiError('CONFLICT', {
    message: `Port ${String(port)} on ${host} is taken${who}, and ${displayName(name)} wants it: stop who has it, or choose another port in ${setting}`,
  });
}
