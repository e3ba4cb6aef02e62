/**
 * What `npm start` runs: the shop of ../shop and the workers of ../fibonacci, side by side in one app. Only the paths differ, since they are read from the app
 * file, the ports of the second, and that each gateway serves its own half.
 */
import { defineApp, readEnv } from 'tutti';
import type { AppDefinition } from 'tutti';
import { z } from 'zod';
import fibonacci from '../fibonacci/tutti.ts';
import shop from '../shop/tutti.ts';

const port = z.coerce.number().int().min(0).max(65_535);
const settings = readEnv(
  z.object({ FIBONACCI_API_PORT: port.default(5_100), FIBONACCI_WORKER_PORT: port.default(5_101) }),
);
const fibonacciPorts: Record<string, number> = {
  'fibonacci-api': settings.FIBONACCI_API_PORT,
  'fibonacci-worker': settings.FIBONACCI_WORKER_PORT,
};

type Services = AppDefinition['services'];
type Gateways = NonNullable<AppDefinition['gateways']>;

const within = (folder: string, path: string): string => path.replace('./', `../${folder}/`);

const servicesOf = ({ services }: AppDefinition, folder: string): Services =>
  Object.fromEntries(
    Object.entries(services).map(([name, entry]) => [
      name,
      { ...entry, module: within(folder, entry.module) },
    ]),
  );

const gatewaysOf = ({ services, gateways = {} }: AppDefinition, folder: string): Gateways =>
  Object.fromEntries(
    Object.entries(gateways).map(([name, { hooks, ...entry }]) => [
      name,
      {
        services: Object.keys(services),
        ...entry,
        ...(hooks === undefined ? {} : { hooks: within(folder, hooks) }),
        ...(name in fibonacciPorts ? { port: fibonacciPorts[name] } : {}),
      },
    ]),
  );

export default defineApp({
  ...shop,
  name: 'showcase',
  services: { ...servicesOf(shop, 'shop'), ...servicesOf(fibonacci, 'fibonacci') },
  gateways: { ...gatewaysOf(shop, 'shop'), ...gatewaysOf(fibonacci, 'fibonacci') },
  store: {},
});
