import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problemText } from '../../src/core/options.ts';
import { checkService } from '../../src/define/check-service.ts';
import type { IsolateInput } from '../../src/define/isolate.ts';
import { makeManifest } from '../../src/define/manifest.ts';
import { defineQueue } from '../../src/define/queue.ts';
import { trusted } from '../../src/define/schema.ts';
import { defineService } from '../../src/define/service.ts';
import type { Service } from '../../src/define/service.ts';

const mail = defineQueue('mail', { input: trusted<unknown>() });

const mailer = (isolate?: unknown): Service<'mailer', object> =>
  defineService({
    name: 'mailer',
    isolate: isolate as IsolateInput,
    actions: () => ({}),
    queues: (worker) => ({ mail: worker(mail, {}, () => undefined) }),
  });

const isolationOf = (isolate: IsolateInput | undefined): unknown =>
  makeManifest(mailer(isolate)).manifest.isolate;

test('a service says whether its process is ended with a job, and after which grace', () => {
  for (const right of [undefined, false, true, {}, { graceMs: 1 }])
    assert.deepEqual(checkService(mailer(right)), [], JSON.stringify(right));
  assert.deepEqual([undefined, false, true, {}, { graceMs: 300 }].map(isolationOf), [
    undefined,
    undefined,
    { graceMs: 5_000 },
    { graceMs: 5_000 },
    { graceMs: 300 },
  ]);
});

test('what makes no sense of it is told with where and why', () => {
  const told = (isolate: unknown): string[] => checkService(mailer(isolate)).map(problemText);
  assert.deepEqual(told('yes'), ['isolate: expected true, false or { graceMs }, got "yes"']);
  assert.match(told({ graceMs: 0 }).join(), /^isolate\.graceMs: /);
  assert.match(told({ grace: 1 }).join(), /^isolate\.grace: unknown option/);
  const shop = defineService({ name: 'shop', isolate: true, actions: () => ({}) });
  assert.deepEqual(checkService(shop).map(problemText), [
    'isolate: only jobs are ended with their process: give the service `queues`, or leave this out',
  ]);
});
