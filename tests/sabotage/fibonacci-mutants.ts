/** What is broken of the two examples that keep their work, and of what they need of gateways and queues; see `mutants.ts`. */
import type { Mutant } from './mutant.ts';

const fibonacci = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['examples/fibonacci/fibonacci.test.ts'],
  name,
});
const shop = (name: string): Pick<Mutant, 'tests' | 'name'> => ({
  tests: ['examples/shop/shop.test.ts'],
  name,
});

export const fibonacciMutants: readonly Mutant[] = [
  {
    promise: 'a gateway serves the routes of its services only',
    file: 'src/services/gateway/gateway.ts',
    find: 'buildRouter(manifest, systemRoutes, own)',
    replace: 'buildRouter(whole, (manifest, systemRoutes), own)',
    tests: ['tests/services/gateway/served-services'],
  },
  {
    promise: 'a gateway describes the routes of its services only',
    file: 'src/services/gateway/gateway.ts',
    find: 'const { app, services } = manifest;',
    replace: 'const { app, services } = whole;',
    tests: ['tests/services/gateway/served-services'],
  },
  {
    promise: 'what is shown to be tried is served by the first gateway',
    file: 'src/define/route-to-try.ts',
    find: 'servedManifest(manifest, gateway)',
    replace: '(servedManifest, gateway, manifest)',
    tests: ['tests/services/gateway/served-services'],
  },
  {
    promise: 'the same route in two services clashes where they meet, and there only',
    file: 'src/define/check-gateways.ts',
    find: 'gateways.some((entry)',
    replace: 'gateways.every((entry)',
    tests: ['tests/define/check-app'],
    name: 'the same route',
  },
  {
    promise: 'two services at two gateways may have the same route',
    file: 'src/define/check-gateways.ts',
    find: 'same.find((one) => meet(one.service, service))',
    replace: 'same.find((one) => meet(one.service, service) || one.service !== "")',
    tests: ['tests/define/check-app'],
    name: 'the same route',
  },
  {
    promise: 'a GET takes a body where its route says so, and nowhere else',
    file: 'src/services/gateway/request-handler.ts',
    find: ' && route.bodyLimit !== undefined',
    replace: '',
    tests: ['tests/services/gateway/hostile-requests'],
    name: 'N-65',
  },
  {
    promise: 'a page of jobs begins behind the job that is named',
    file: 'src/stores/job-queue/job-lists.ts',
    find: 'if (afterId !== undefined) return',
    replace: 'if (afterId === "") return',
    ...fibonacci('the contract|page by page'),
  },
  {
    promise: 'job pages: behind one that waits for its time come those that wait longer',
    file: 'src/stores/job-queue/job-lists.ts',
    find: 'job.state === states.delayed ? last : first',
    replace: 'job.state === states.delayed ? first : (last, first)',
    tests: ['tests/stores/job-pages'],
    name: 'a list goes on',
  },
  {
    promise: 'job pages: no page behind one that is not in the list',
    file: 'src/stores/job-queue/job-lists.ts',
    find: "job.ended === null && (list === 'done'",
    replace: "job.ended === -1 && (list === 'done'",
    tests: ['tests/stores/job-pages'],
    name: 'there is no page',
  },
  {
    promise: 'showcase: the gateway of the shop serves the shop only',
    file: 'examples/showcase/tutti.ts',
    find: 'services: Object.keys(services),',
    replace: '...(services === undefined ? { services: [] } : {}),',
    tests: ['examples/showcase'],
    name: 'both examples',
  },
  {
    promise: 'fibonacci: a killed worker loses nothing',
    file: 'examples/fibonacci/queue.ts',
    find: 'attempts: 100',
    replace: 'attempts: 1',
    ...fibonacci('no job is lost'),
  },
  {
    promise: 'fibonacci: failed is final',
    file: 'examples/fibonacci/services/worker.ts',
    find: "job.giveUp('failed at random, as it was asked to');",
    replace: "throw new Error('failed at random, as it was asked to');",
    ...fibonacci('has failed'),
  },
  {
    promise: 'the shop: who was away is told of the orders that were placed meanwhile',
    file: 'examples/shop/services/notification-service.ts',
    find: 'on.durable({ attempts: 10 }, OrderCreated',
    replace: 'on(OrderCreated',
    ...shop('counted and announced'),
  },
  {
    promise: 'the shop: an order that stands is answered for though the store hangs',
    file: 'examples/shop/services/order-service.ts',
    find: 'const announceMs = 2_000;',
    replace: 'const announceMs = 200_000;',
    ...shop('counted and announced'),
  },
  {
    promise: 'the shop: an event that comes twice is told once',
    file: 'examples/shop/database/notification-store.ts',
    find: 'event_id: eventId ?? null',
    replace: 'event_id: eventId === "" ? eventId : null',
    tests: ['examples/shop/database/database.test.ts'],
    name: 'on SQLite|told once',
  },
];
