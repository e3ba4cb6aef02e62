/** A small project that `tutti dev` runs, whose files a test writes as an editor would. */
import { mkdirSync, readFileSync, realpathSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as pause } from 'node:timers/promises';
import type { EventPage } from '../../src/core/events.ts';
import type { AppStatus } from '../../src/core/status.ts';
import { Command, makeHome } from './command.ts';

const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));

interface ServiceText {
  readonly imports?: string;
  /** An expression. */
  readonly answer?: string;
  readonly route?: string;
  readonly more?: string;
}

export const serviceText = (
  name: string,
  { imports = '', answer = `'${name} one'`, route = `GET /${name}`, more = '' }: ServiceText = {},
): string => `import { defineService, remote } from 'tutti';
import { z } from 'zod';
${imports}
void remote;
const version: string = '1.0.0';
export default defineService({
  name: '${name}',
  version,
  config: z.object({ greeting: z.string().default('') }),
  ${more}
  actions: (action) => ({
    get: action({ http: '${route}', output: z.object({ text: z.string() }), run: async ({ calls, parts }) => { void calls; void parts; return { text: String(${answer}) }; } }),
  }),
});
`;

export interface AppText {
  readonly services: Readonly<Record<string, string>>;
  readonly gateways?: string;
  readonly head?: string;
}

export const appText = ({ services, gateways = '{ public: { port: 0 } }', head = '' }: AppText): string => {
  const entries = Object.entries(services).map(
    ([name, more]) => `${name}: { module: './services/${name}.ts', ${more} },`,
  );
  return `import { defineApp, readEnv } from 'tutti';
import { z } from 'zod';
${head}
void readEnv; void z;
export default defineApp({ name: 'devapp', services: { ${entries.join('\n')} }, gateways: ${gateways} });
`;
};

/** Each reading imports the app file in a process of its own. */
export const countsReadings = `import { appendFileSync } from 'node:fs';
appendFileSync(new URL('./readings.log', import.meta.url), '.');`;

export class DevProject implements AsyncDisposable {
  readonly #home = makeHome();
  readonly folder: string;
  #command: Command | undefined;

  constructor(files: Readonly<Record<string, string>>) {
    this.folder = join(realpathSync(this.#home.folder), 'project');
    for (const [file, text] of Object.entries(files)) this.write(file, text);
    this.write('package.json', '{ "type": "module" }');
    symlinkSync(modules, join(this.folder, 'node_modules'));
  }

  get command(): Command {
    if (this.#command === undefined) throw new Error('it was not started');
    return this.#command;
  }

  launch(): Command {
    this.#command = new Command(this.#home.folder, ['dev', join(this.folder, 'tutti.ts')]);
    return this.#command;
  }

  async start(): Promise<AppStatus> {
    this.#command = this.launch();
    await this.#command.ready();
    await this.#command.hears('devapp is ready');
    return this.#command.status();
  }

  write(file: string, text: string): void {
    const path = join(this.folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  /** A new file, renamed over the old one. */
  replace(file: string, text: string): void {
    this.write(`${file}~`, text);
    renameSync(join(this.folder, `${file}~`), join(this.folder, file));
  }

  /** What it has said since then is looked at. */
  mark(): number {
    return this.command.said.length;
  }

  async hears(words: string | RegExp, since: number, timeoutMs = 20_000): Promise<string> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const said = this.command.said.slice(since);
      if (typeof words === 'string' ? said.includes(words) : words.test(said)) return said;
      if (performance.now() > until) throw new Error(`not heard: ${String(words)}\n${this.command.said}`);
      await pause(10);
    }
  }

  async get(path: string): Promise<{ status: number; body: string }> {
    const response = await fetch(`${await this.command.url()}${path}`);
    return { status: response.status, body: await response.text() };
  }

  /** Until this is what is served. */
  async serves(path: string, words: string, timeoutMs = 20_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    let last = '';
    while (performance.now() < until) {
      last = await this.get(path).then(
        ({ status, body }) => `${String(status)} ${body}`,
        (error: unknown) => String(error),
      );
      if (last.includes(words)) return;
      await pause(20);
    }
    throw new Error(`${path} does not serve ${words} but ${last}\n${this.command.said}`);
  }

  /** How often the project was read, where its app file has `countsReadings`. */
  get readings(): number {
    return readFileSync(join(this.folder, 'readings.log')).length;
  }

  /** Until the project was read again. */
  async readAfter(readings: number, timeoutMs = 20_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    while (this.readings <= readings) {
      if (performance.now() > until) throw new Error(`not read again\n${this.command.said}`);
      await pause(10);
    }
  }

  events(): Promise<EventPage> {
    return this.command.admin.get<EventPage>('/events?after=0&limit=1000');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#command?.[Symbol.asyncDispose]();
    this.#home[Symbol.dispose]();
  }
}

/** `a#1` -> `pid@epoch`: who is the same as before. */
export const lives = (status: AppStatus): Record<string, string> =>
  Object.fromEntries(
    status.services.flatMap(({ instances }) =>
      instances.map(({ slot, pid, epoch }) => [slot, `${String(pid)}@${String(epoch)}`]),
    ),
  );

/** The slots whose process is another, or that are new. */
export const renewed = (before: AppStatus, after: AppStatus): string[] => {
  const old = lives(before);
  return Object.entries(lives(after)).flatMap(([slot, life]) => (old[slot] === life ? [] : [slot]));
};
