import { defineApp } from 'tutti';

export default defineApp({
  name: 'bench-calls',
  services: { echo: { module: './echo.ts' }, driver: { module: './driver.ts' } },
});
