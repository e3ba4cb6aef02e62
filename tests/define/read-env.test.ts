import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';
import type { TestContext } from 'node:test';
import { z } from 'zod';
import { isTuttiError } from '../../src/core/errors.ts';
import { inheritedEnvironment, maskedSetting, readEnv, setAppFile } from '../../src/define/read-env.ts';
import { TemporaryFolder } from '../os/temporary-folder.ts';

const own = ['TT_PORT', 'TT_URL', 'TT_TOKEN', 'TT_LIST', 'NODE_OPTIONS'];
afterEach(() => {
  for (const name of own) Reflect.deleteProperty(process.env, name);
});

/** Beside the app file. */
function dotEnv(t: TestContext, text: string): void {
  const folder = new TemporaryFolder();
  t.after(() => {
    folder[Symbol.dispose]();
  });
  writeFileSync(folder.file('.env'), text);
  setAppFile(folder.file('tutti.ts'));
}

/** The lines of what is wrong. */
function refused(schema: Parameters<typeof readEnv>[0]): string[] {
  try {
    readEnv(schema);
  } catch (error) {
    assert.ok(isTuttiError(error, 'CONFIG_INVALID'));
    return error.message.split('\n');
  }
  assert.fail('nothing was refused');
}

const port = z.coerce.number().int();

test('settings come from .env beside the app file, and the environment wins', (t) => {
  dotEnv(t, 'TT_PORT=5001\nTT_URL="http://a b" # words\n');
  assert.deepEqual(readEnv(z.object({ TT_PORT: port, TT_URL: z.string() })), {
    TT_PORT: 5_001,
    TT_URL: 'http://a b',
  });
  process.env['TT_PORT'] = '5002';
  assert.deepEqual(readEnv(z.object({ TT_PORT: port })), { TT_PORT: 5_002 });
});

test('without a .env the defaults hold', () => {
  using folder = new TemporaryFolder();
  setAppFile(folder.file('tutti.ts'));
  assert.deepEqual(readEnv(z.object({ TT_PORT: port.default(1) })), { TT_PORT: 1 });
});

test('everything that is missing or wrong is told at once: name, value and fix', (t) => {
  dotEnv(t, 'TT_PORT=many\nTT_TOKEN=hunter2\n');
  const lines = refused(z.object({ TT_PORT: port, TT_URL: z.string(), TT_TOKEN: z.string().length(3) }));
  assert.equal(lines.length, 3);
  assert.match(
    lines[0] ?? '',
    /^TT_PORT is "many": .+\. Set it in the environment or in \.env beside the app file\.$/,
  );
  assert.match(lines[1] ?? '', /^TT_URL is not set: /);
  assert.match(lines[2] ?? '', /^TT_TOKEN is \(hidden\): /);
  assert.doesNotMatch(lines.join(), /hunter2/);
});

test('what is wrong inside of a list is told of its setting, and what is wrong between settings of none', (t) => {
  dotEnv(t, 'TT_LIST=1,x\nTT_PORT=1\n');
  const list = z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(z.string().regex(/^\d+$/)));
  assert.match(refused(z.object({ TT_LIST: list }))[0] ?? '', /^TT_LIST is "1,x": /);
  const pair = z.object({ TT_PORT: port }).refine(() => false, 'these do not go together');
  assert.deepEqual(refused(pair), ['these do not go together']);
});

test('a schema that wants to wait is refused', () => {
  assert.match(
    refused(z.object({ TT_PORT: port.default(1) }).refine(() => Promise.resolve(true)))[0] ?? '',
    /asynchronous/,
  );
});

const hidden: [string, string][] = [
  ['DB_PASSWORD', 'x'],
  ['API_KEY', 'x'],
  ['STRIPE_SECRET', 'x'],
  ['DATABASE', 'postgres://ann:hunter2@db/shop'],
  ['DATABASE', 'redis://:hunter2@db'],
  ['DATABASE', 'postgres://ann:hun/ter2@db/shop'],
  ['DATABASE', 'redis://a:6379,redis://:hunter2@b'],
  ['DATABASE', 'host=db user=ann password=hunter2'],
  ['DATABASE', 'https://db/?token=hunter2'],
];
for (const [name, value] of hidden) {
  test(`${name} = ${value} is not shown`, () => {
    assert.equal(maskedSetting(name, value), '(hidden)');
  });
}
test('an honest value is shown, short and without control characters', () => {
  assert.equal(maskedSetting('PORT', '5000'), '"5000"');
  assert.equal(maskedSetting('URL', 'http://localhost:5000/a?b=c'), '"http://localhost:5000/a?b=c"');
  assert.equal(maskedSetting('MODE', 'a\u001b[2J\u009b'), '"a\\u001b[2J\\u009b"');
});

const options: [string, string | undefined][] = [
  ['--inspect', undefined],
  ['--inspect-brk=0.0.0.0:9229 --max-old-space-size=64', '--max-old-space-size=64'],
  ['--inspect-port 9230 --no-warnings', '--no-warnings'],
  ['--require "./my  own/file.cjs" --inspect', '--require "./my  own/file.cjs"'],
  ['--require ./--inspect.cjs', '--require ./--inspect.cjs'],
];
for (const [given, kept] of options) {
  test(`an instance inherits of ${given} ${kept ?? 'nothing'}`, () => {
    process.env['NODE_OPTIONS'] = given;
    assert.equal(inheritedEnvironment()['NODE_OPTIONS'], kept);
    assert.equal(inheritedEnvironment()['PATH'], process.env['PATH']);
  });
}
