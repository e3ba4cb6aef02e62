import { defineApp } from 'tutti';

export default defineApp({
  name: 'bench-events',
  services: { teller: { module: './events-teller.ts' }, hearer: { module: './events-hearer.ts' } },
  store: {},
});
