/**
 * What `npm start` runs: the shop of ../shop, as it is. Only the paths differ, since they are read from the app file.
 */
import { defineApp } from 'tutti';
import shop from '../shop/tutti.ts';

const inShop = (path: string): string => `../shop/${path.replace('./', '')}`;

const services = Object.fromEntries(
  Object.entries(shop.services).map(([name, entry]) => [name, { ...entry, module: inShop(entry.module) }]),
);
const gateways = Object.fromEntries(
  Object.entries(shop.gateways ?? {}).map(([name, { hooks, ...entry }]) => [
    name,
    hooks === undefined ? entry : { ...entry, hooks: inShop(hooks) },
  ]),
);

export default defineApp({ ...shop, name: 'showcase', services, gateways });
