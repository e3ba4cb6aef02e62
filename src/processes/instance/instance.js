// Entry of an instance. A .js file, so that the compile cache is on before the first .ts file.
import { enableCompileCache } from 'node:module';

enableCompileCache();
await import('./main.ts');
