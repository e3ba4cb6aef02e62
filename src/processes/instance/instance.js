// Entry of an instance. A .js file, so that the compile cache is on before the first .ts file.
import { enableCompileCache, flushCompileCache } from 'node:module';

enableCompileCache();
await import('./main.ts');
// Node writes the cache when a process exits by itself. One that is killed would leave none, and so would every next one:
// a restart took 100 ms longer, for ever.
setTimeout(flushCompileCache, 1_000).unref();
