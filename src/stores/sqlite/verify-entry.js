// Entry of the thread that checks a copy of a store. A .js file, so that it is found in the repository and in the package.
await import('./verify-copy.ts');
