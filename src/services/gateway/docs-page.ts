/**
 * The page of `/docs`: Swagger UI from our own disk, no CDN, no script inside the page, so that a strict CSP holds.
 * Only the files named here are ever read.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export interface DocsFile {
  readonly contentType: string;
  readonly body: Buffer;
}

const script = 'text/javascript; charset=utf-8';
const style = 'text/css; charset=utf-8';

/** Of the package's `static` folder. */
const packaged: ReadonlyMap<string, string> = new Map([
  ['swagger-ui.css', style],
  ['swagger-ui-bundle.js', script],
  ['favicon-32x32.png', 'image/png'],
]);

const page = (app: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <title>${app}: API</title>
    <link rel="stylesheet" href="/docs/swagger-ui.css" />
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

// The validator badge would send the document to a host on the internet.
const start = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });\n`;

export class DocsPage {
  readonly #made: ReadonlyMap<string, DocsFile>;
  /** Read on first use: most gateways are never asked. */
  readonly #read = new Map<string, Promise<DocsFile>>();

  /** @param app a name, so it needs no escaping in HTML. */
  constructor(app: string) {
    this.#made = new Map([
      ['', { contentType: 'text/html; charset=utf-8', body: Buffer.from(page(app)) }],
      ['start.js', { contentType: script, body: Buffer.from(start) }],
    ]);
  }

  /** @param name `''` for the page itself. Undefined: no such file. */
  async file(name: string): Promise<DocsFile | undefined> {
    const contentType = packaged.get(name);
    if (contentType === undefined) return this.#made.get(name);
    const file = this.#read.get(name) ?? readPackaged(name, contentType);
    this.#read.set(name, file);
    return file;
  }
}

async function readPackaged(name: string, contentType: string): Promise<DocsFile> {
  const folder = dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/package.json'));
  return { contentType, body: await readFile(join(folder, 'static', name)) };
}
