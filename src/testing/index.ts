/** What tests import as `tutti/testing`. Never imported from inside src/. */
export { startTestApp } from './start-test-app.ts';
export { fakeClock } from './fake-clock.ts';
export { checkStateStore } from './check-state-store.ts';
export { checkTransport } from './check-transport.ts';
export type { FakeClock } from './fake-clock.ts';
export type { TestApp, TestAppOptions, TestStream } from './test-app.ts';
