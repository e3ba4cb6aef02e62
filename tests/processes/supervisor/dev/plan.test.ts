import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineApp } from '../../../../src/define/app.ts';
import type { AppInput } from '../../../../src/define/app.ts';
import { devPlan } from '../../../../src/processes/supervisor/dev/dev-plan.ts';
import { planChanges } from '../../../../src/processes/supervisor/dev/plan-changes.ts';
import { makePlan } from '../../../../src/processes/supervisor/plan.ts';
import type { AppPlan } from '../../../../src/processes/supervisor/plan.ts';

const base: AppInput = {
  name: 'shop',
  services: { users: { module: './users.ts' }, orders: { module: './orders.ts', replicas: 2 } },
  gateways: { public: { port: 5000 } },
};
const planOf = (change: Partial<AppInput> = {}): AppPlan =>
  makePlan({
    stateDir: '/nowhere',
    app: defineApp({ ...base, ...change }),
    appFile: '/app/tutti.ts',
    manifest: { app: 'shop', services: {} },
    version: '1',
  });

const nothing = { added: [], removed: [], moved: [], changed: [], scaled: [], nextStart: [] };
const users = { module: './users.ts' };
const orders = { module: './orders.ts', replicas: 2 };

const cases: [string, Partial<AppInput>, object][] = [
  ['the same', {}, {}],
  [
    'one more replica restarts nobody',
    { services: { users: { ...users, replicas: 3 }, orders } },
    { scaled: ['users'] },
  ],
  [
    'another configuration',
    { services: { users: { ...users, config: { a: 1 } }, orders } },
    { changed: ['users'] },
  ],
  ['another module', { services: { users: { module: './u.ts' }, orders } }, { changed: ['users'] }],
  [
    'another environment',
    { services: { users: { ...users, env: { A: '1' } }, orders } },
    { changed: ['users'] },
  ],
  ['a limit that only we keep', { restart: { maxRestarts: 7 } }, {}],
  ['one more', { services: { users, orders, mail: users } }, { added: ['mail'] }],
  ['one less', { services: { users } }, { removed: ['orders'] }],
  ['another port', { gateways: { public: { port: 5001 } } }, { moved: ['gateway:public'] }],
  [
    'another limit of a gateway',
    { gateways: { public: { port: 5000, bodyLimit: 10 } } },
    { changed: ['gateway:public'] },
  ],
  [
    'another name of the app is in every certificate',
    { name: 'store' },
    { changed: ['users', 'orders', 'gateway:public'] },
  ],
  ['what is read at the start only', { logLevel: 'debug' }, { nextStart: ['logLevel'] }],
];
for (const [name, change, expected] of cases)
  test(`of the app file: ${name}`, () => {
    assert.deepEqual(planChanges(planOf(), planOf(change)), { ...nothing, ...expected });
  });

test('in dev nobody is waited for long, and orphans end at once; what is shorter already stays', () => {
  const { services, options } = devPlan(
    planOf({ restart: { maxDelay: 60_000 }, stop: { drainTimeout: 200 } }),
  );
  const plan = services.get('users');
  assert.equal(plan?.restart.maxDelay, 5_000);
  assert.deepEqual(plan.stop, { drainTimeout: 200, drainMax: 1_000, killAfter: 1_000 });
  assert.equal(options.orphanGrace, 0);
});
