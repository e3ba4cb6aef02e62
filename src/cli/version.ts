/** The version of this package, from its own package.json: beside src/ here, beside the compiled files in the tarball. */
import { readFileSync } from 'node:fs';

export function packageVersion(): string {
  for (const place of ['../../package.json', '../package.json']) {
    try {
      const found = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as {
        name?: string;
        version?: string;
      };
      if (found.name === 'tutti' && found.version !== undefined) return found.version;
    } catch {
      // The other place.
    }
  }
  return 'unknown';
}
