#!/usr/bin/env node
// The command. `start` turns this process into the keeper, parent of everything; all else asks the running app and ends.
import { enableCompileCache } from 'node:module';

if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error(`Node ${process.version} is too old: tutti needs 24.`);
  process.exit(1);
}
enableCompileCache();
const { run } = await import('../src/cli/main.ts');
const outcome = await run(process.argv.slice(2));
if (outcome.keeper === undefined) process.exitCode = outcome.exitCode;
else {
  const { runKeeper } = await import('../src/processes/keeper/main.ts');
  process.exit(await runKeeper(outcome.keeper));
}
