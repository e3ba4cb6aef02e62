/**
 * Loaded before a supervisor of bench/logs.ts that shall believe it speaks to a terminal, which CI does not have: then it makes no JSON of
 * every line for stdout.
 */
if (process.argv[1]?.endsWith('/supervisor.js')) process.stdout.isTTY = true;
