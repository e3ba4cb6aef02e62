/** What services, actions and app files say of calls: what is refused, and what comes of all of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { problemText } from '../../src/core/options.ts';
import type { AppInput } from '../../src/define/app.ts';
import type { AppCallsInput, CallsInput, ServiceCallsInput } from '../../src/define/calls.ts';
import { checkApp } from '../../src/define/check-app.ts';
import { checkTogether } from '../../src/define/check-together.ts';
import { checkService } from '../../src/define/check-service.ts';
import type { AppManifest, ServiceManifest } from '../../src/define/manifest.ts';
import { makeManifest } from '../../src/define/manifest.ts';
import type { ServiceDefinition } from '../../src/define/service.ts';
import { contract, defineService, implement } from '../../src/index.ts';
import { tuneService, tuningOf } from '../../src/define/tune-service.ts';

/** What nobody's compiler has seen. */
const serviceWith = (get: object, calls?: object): ServiceDefinition =>
  defineService({
    name: 'users',
    ...(calls === undefined ? {} : { calls }),
    actions: (action) => ({
      get: action({ idempotent: true, ...get, run: () => 1 }),
      put: action({ run: () => 1 }),
      watch: action.stream({ yields: z.number(), run: () => [1] }),
    }),
  });
const told = (get: object, calls?: object): string[] =>
  checkService(serviceWith(get, calls)).map(problemText);
const manifestOf = (get: CallsInput = {}, calls?: ServiceCallsInput): ServiceManifest =>
  makeManifest(serviceWith(get, calls)).manifest;

const range = 'expected a whole number from';
const refusals: [string, object, object, string[]][] = [
  ['a deadline of nothing', { deadlineMs: 0 }, {}, [`actions.get.deadlineMs: ${range} 1 to 3600000, got 0`]],
  ['more repetitions than there are', { retries: 3 }, {}, [`actions.get.retries: ${range} 0 to 2, got 3`]],
  [
    'repetitions of what does harm twice',
    { idempotent: false, retries: 1 },
    {},
    [
      'actions.get.retries: a call that may have run is not made again: say `idempotent: true` in the action where twice does no harm, or leave `retries` out',
    ],
  ],
  [
    'a breaker that is on',
    { breaker: true },
    {},
    ['actions.get.breaker: expected an object, or false for none, got true'],
  ],
  [
    'a breaker with a typo and a part of more than all',
    { breaker: { inRow: 3, percent: 101 } },
    {},
    [
      'actions.get.breaker.inRow: unknown option "inRow"; did you mean "inARow"?',
      `actions.get.breaker.percent: ${range} 1 to 100, got 101`,
    ],
  ],
  [
    'a typo in an action',
    { retrys: 1 },
    {},
    ['actions.get.retrys: unknown option "retrys"; did you mean "retries"?'],
  ],
  [
    'a comparison of instances in an action',
    { outliers: false },
    {},
    ['actions.get.outliers: unknown option "outliers"'],
  ],
  [
    'a service with a typo and a text',
    {},
    { deadlinMs: 5, outliers: 'no' },
    [
      'calls.deadlinMs: unknown option "deadlinMs"; did you mean "deadlineMs"?',
      'calls.outliers: expected true or false, got "no"',
    ],
  ],
];
for (const [what, get, calls, problems] of refusals)
  test(`refused: ${what}`, () => {
    assert.deepEqual(told(get, calls), problems);
  });

test('a stream has no deadline of its own, whoever names one', () => {
  const stream = { yields: z.number(), run: () => [1], deadlineMs: 5 };
  const service = defineService({ name: 'x', actions: (action) => ({ watch: action.stream(stream) }) });
  assert.deepEqual(checkService(service).map(problemText), [
    'actions.watch.deadlineMs: unknown option "deadlineMs"',
  ]);
});

test('all that may be said is fine, in a service and in a contract that it keeps', () => {
  const breaker = { inARow: 1, percent: 1, fewest: 1, probeAfterMs: 10, longestProbeAfterMs: 10 };
  const all: CallsInput = { deadlineMs: 1, retries: 2, breaker };
  assert.deepEqual(told(all, { ...all, outliers: false }), []);
  assert.deepEqual(told({ idempotent: false, retries: 0, breaker: false }), []);
  const promised = contract({
    name: 'mail',
    actions: { send: { input: z.object({}), output: z.null(), idempotent: true, ...all } },
  });
  const mail = implement(promised, { calls: { outliers: false }, actions: { send: () => null } });
  assert.deepEqual(checkService(mail), []);
  assert.deepEqual(makeManifest(mail).manifest.actions['send']?.calls, all);
});

const appWith = (calls: unknown): AppInput => ({
  name: 'shop',
  services: { users: { module: './users.ts', calls: calls as AppCallsInput } },
});
const toldOfApp = (calls: unknown): string[] => checkApp({ kind: 'app', ...appWith(calls) }).map(problemText);

test('what an app file says is checked like what a service says', () => {
  const at = 'services.users.calls';
  assert.deepEqual(toldOfApp({ outliers: false, retries: 0, actions: { get: { breaker: false } } }), []);
  assert.deepEqual(toldOfApp(5), [`${at}: expected an object, got 5`]);
  assert.deepEqual(toldOfApp({ action: {}, breaker: { fewest: 0 } }), [
    `${at}.action: unknown option "action"; did you mean "actions"?`,
    `${at}.breaker.fewest: ${range} 1 to 10000, got 0`,
  ]);
  assert.deepEqual(toldOfApp({ actions: 5 }), [`${at}.actions: expected an object of actions, got 5`]);
  assert.deepEqual(toldOfApp({ actions: { get: { outliers: false }, put: null } }), [
    `${at}.actions.get.outliers: unknown option "outliers"`,
    `${at}.actions.put: expected an object, got null`,
  ]);
});

const together = (calls: AppCallsInput, manifest = manifestOf()): string[] => {
  const app = appWith(calls);
  const tuned: AppManifest = { app: 'shop', services: { users: tuneService(manifest, calls) } };
  return checkTogether(app, tuned).map(problemText);
};

test('an app file says nothing of actions that there are not, and nothing that they cannot have', () => {
  const at = 'services.users.calls.actions';
  assert.deepEqual(together({ retries: 2, actions: { get: { retries: 2 }, put: { retries: 0 } } }), []);
  assert.deepEqual(together({ actions: { gte: {}, put: { retries: 1 }, watch: { deadlineMs: 5 } } }), [
    `${at}.gte: users has no action "gte"; did you mean "get"?`,
    `${at}.put.retries: a call that may have run is not made again: say \`idempotent: true\` in the action where twice does no harm, or leave \`retries\` out`,
    `${at}.watch.deadlineMs: a stream takes as long as its items move: its callers name a time where there is one`,
  ]);
});

test('a first probe after the longest wait is told, once for all actions that have it from one place', () => {
  const message = 'must not be longer than longestProbeAfterMs (4000 ms), is 9000 ms; raise that too';
  const late = { breaker: { probeAfterMs: 9_000 } };
  const path = 'services.users.actions.get.breaker.probeAfterMs';
  assert.deepEqual(together(late), [`${path}: ${message}`]);
  assert.deepEqual(together({}, manifestOf(late)), [`${path}: ${message}`]);
  const longer = { breaker: { longestProbeAfterMs: 9_000 } };
  assert.deepEqual(together(longer, manifestOf({}, late)), [], 'the numbers may come from two places');
});

test('an action goes before its service, and in each place the app file before the code', () => {
  const code = manifestOf(
    { deadlineMs: 30, breaker: { inARow: 2 } },
    { deadlineMs: 10, retries: 1, outliers: false },
  );
  assert.deepEqual(tuningOf(tuneService(code)), {
    outliers: false,
    actions: {
      get: { deadlineMs: 30, retries: 1, breaker: { inARow: 2 } },
      put: { deadlineMs: 10, retries: 1 },
      watch: { retries: 1 },
    },
  });
  const app: AppCallsInput = {
    ...{ deadlineMs: 20, outliers: true, breaker: { percent: 10 } },
    actions: { get: { breaker: { inARow: 7 } }, watch: { breaker: false } },
  };
  assert.deepEqual(tuningOf(tuneService(code, app)), {
    actions: {
      get: { deadlineMs: 30, retries: 1, breaker: { percent: 10, inARow: 7 } },
      put: { deadlineMs: 20, retries: 1, breaker: { percent: 10 } },
      watch: { retries: 1, breaker: false },
    },
  });
});

test('of a service of which nobody says anything callers are told nothing', () => {
  assert.equal(tuningOf(tuneService(manifestOf())), undefined);
  assert.equal(tuningOf(tuneService(manifestOf(), { outliers: true })), undefined);
  assert.equal(tuningOf(undefined), undefined);
  assert.equal(tuneService(manifestOf()).hash, manifestOf().hash);
});
