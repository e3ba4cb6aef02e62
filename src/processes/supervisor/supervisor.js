// Entry of the supervisor. A .js file, so that the compile cache is on before the first .ts file.
import { enableCompileCache, flushCompileCache } from 'node:module';

enableCompileCache();
await import('./main.ts');
// Node writes the cache only when a process exits by itself, and this one may be killed.
setTimeout(flushCompileCache, 1_000).unref();
