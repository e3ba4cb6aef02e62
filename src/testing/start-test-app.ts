/**
 * `startTestApp`: an app for a test, from its own app file. In the test's process over the memory transport, or with real processes.
 */
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startInProcess } from './in-process-app.ts';
import { startProcesses } from './process-app.ts';
import type { TestApp, TestAppOptions } from './test-app.ts';

/**
 * @param appFile URL of the app file, relative to the test's own `import.meta.url`.
 * @throws {TuttiError} `CONFIG_INVALID` with every problem of the app.
 */
export function startTestApp(appFile: URL, options: TestAppOptions = {}): Promise<TestApp> {
  const file = realpathSync(fileURLToPath(appFile));
  return options.processes === true ? startProcesses(file, options) : startInProcess(file, options);
}
