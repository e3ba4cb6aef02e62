// Entry of the throw-away process that reads service modules. A .js file, so that the compile cache is on before the first .ts file.
import { enableCompileCache } from 'node:module';

enableCompileCache();
await import('./manifest-process.ts');
