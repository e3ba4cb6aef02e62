/** A gateway that serves some of the services: their routes, its document, and what is shown at the start. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineService } from '../../../src/define/service.ts';
import { routeToTry } from '../../../src/define/route-to-try.ts';
import { GatewayWorld } from './gateway-world.ts';

const others = defineService({
  name: 'others',
  actions: (action) => ({ list: action({ http: 'GET /others', run: () => [] }) }),
});

async function pathsOf(world: GatewayWorld): Promise<string[]> {
  const { paths } = (await (await world.fetch('/openapi.json')).json()) as { paths: object };
  return Object.keys(paths);
}

test('only the routes of the services that it names are served and described, and it follows what it is told', async () => {
  await using world = await GatewayWorld.start();
  await world.serveToo(others);
  assert.equal((await world.fetch('/others')).status, 200);
  const status = async (path: string): Promise<number> => (await world.fetch(path)).status;

  world.changeManifest({ ...world.manifest, gateways: { public: { services: ['others'] }, more: {} } });
  assert.deepEqual(
    [await status('/others'), await status('/things'), await status('/health')],
    [200, 404, 200],
  );
  const paths = await pathsOf(world);
  assert.deepEqual([paths.includes('/others'), paths.includes('/things')], [true, false]);
  assert.equal(routeToTry(world.manifest), '/others');

  world.changeManifest({ ...world.manifest, gateways: { public: {} } });
  assert.deepEqual([await status('/others'), await status('/things')], [200, 200]);
  assert.ok((await pathsOf(world)).includes('/things'));
  assert.equal(routeToTry(world.manifest), '/things');
});
