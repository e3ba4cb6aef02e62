import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadService } from '../../src/host/load-service.ts';

const fixture = (name: string): string => new URL(`../fixtures/services/${name}`, import.meta.url).href;

test('a module is loaded with its manifest', async () => {
  const { definition, manifest } = await loadService(fixture('good.ts'), 'good');
  assert.equal(definition.name, 'good');
  assert.deepEqual(Object.keys(manifest.actions), ['get', 'make', 'reset']);
});

const refused: [string, string, RegExp][] = [
  ['throws.ts', 'INTERNAL', /^TypeError: no database at import \(.*throws\.ts:3\)$/],
  ['no.ts', 'INTERNAL', /^there is no file .*no\.ts$/],
  ['wrong-export.ts', 'CONFIG_INVALID', /wrong-export\.ts: the module must export a service/],
  [
    'no-json-schema.ts',
    'CONFIG_INVALID',
    /no-json-schema\.ts actions\.say\.input: mute gives no JSON Schema/,
  ],
  ['many-vices.js', 'CONFIG_INVALID', /name: expected a name[^]*actions\.get\.run: expected a function/],
];
for (const [name, code, message] of refused) {
  test(`${name} is refused as ${code}, with what is wrong`, async () => {
    await assert.rejects(loadService(fixture(name), 'x'), { code, message });
  });
}
