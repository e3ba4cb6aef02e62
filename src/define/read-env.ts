/**
 * `readEnv`: settings from `.env` beside the app file, then from the process environment. The only place of a project that reads either.
 * Every bad or missing setting is reported at once, by name, value (masked where the name looks secret) and fix.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TuttiError } from '../core/errors.ts';
import { shown } from '../core/options.ts';
import type { Out, Schema } from './schema.ts';
import { inputIssues } from './schema.ts';

const secretName = /pass|secret|token|key|credential|auth|dsn|private/i;
/** A password may hold a slash that nobody escaped: then the URL is wrong, and would be shown. */
const credentialUrl = /^[a-z][a-z0-9+.-]*:\/\/[^@:\s]*:\S*@/i;
const credentialPair = /(pass(word|wd)?|secret|token|key)\s*=/i;

/** Shown in messages; a password never is, nor the password inside a URL. */
export const maskedSetting = (name: string, value: string): string =>
  secretName.test(name) || credentialUrl.test(value) || credentialPair.test(value)
    ? '(hidden)'
    : shown(value);

let appFolder: string | undefined;
let replaced: Readonly<Record<string, string>> = {};

/**
 * Whoever imports an app file says where it is, so that `.env` is found beside it from any working directory.
 * @param settings win over both sources: for tests.
 */
export const setAppFile = (file: string, settings: Readonly<Record<string, string>> = {}): void => {
  appFolder = dirname(file);
  replaced = settings;
};

function dotEnv(): Record<string, string | undefined> {
  // Every service imports this file, few read settings: an import of node:util would cost each of them 5 ms.
  const { parseEnv } = process.getBuiltinModule('node:util');
  try {
    return parseEnv(readFileSync(join(appFolder ?? process.cwd(), '.env'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}

/**
 * @param schema an object of settings; values are texts, so numbers want `z.coerce.number()`.
 * @throws {TuttiError} `CONFIG_INVALID` with one line per setting that is missing or wrong.
 */
export function readEnv<S extends Schema>(schema: S): Out<S> {
  const settings = { ...dotEnv(), ...process.env, ...replaced };
  const result = schema['~standard'].validate(settings);
  if (result instanceof Promise)
    throw new TuttiError('CONFIG_INVALID', { message: 'readEnv: the schema must not be asynchronous' });
  if (result.issues === undefined) return result.value as Out<S>;
  const lines = inputIssues(result.issues).map((issue) => {
    // A list made of one text has an issue inside: the setting is the first word of its path.
    const [name = ''] = issue.path.split('.');
    if (name === '') return issue.message;
    const value = settings[name];
    const given = value === undefined ? 'is not set' : `is ${maskedSetting(name, value)}`;
    return `${name} ${given}: ${issue.message}. Set it in the environment or in .env beside the app file.`;
  });
  throw new TuttiError('CONFIG_INVALID', { message: lines.join('\n'), lines });
}

/** With its value, which may be a word of its own: left behind it would keep every instance from starting. */
const inspectorOption = /(?<=^|\s)--(inspect|debug)\S*(\s+[^-\s]\S*)?/g;

/** What instances inherit: all of ours, since libraries expect it, but for what would open a debugger in each of them. */
export function inheritedEnvironment(): Record<string, string> {
  const { NODE_OPTIONS: options = '', ...others } = process.env;
  const kept = options.replaceAll(inspectorOption, '').trim();
  const env = kept === '' ? others : { ...others, NODE_OPTIONS: kept };
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
