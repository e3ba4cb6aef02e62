/** `tutti call`: one action of the running app, from the shell, as the operator. */
import { randomBytes } from 'node:crypto';
import { isTuttiError } from '../core/errors.ts';
import type { TuttiError } from '../core/errors.ts';
import type { ActionManifest, AppManifest } from '../define/manifest.ts';
import type { AppConnection } from './app-connection.ts';
import { callStream } from './call-stream.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { parseJson, parseWhole, usage } from './parse-option.ts';
import { jsonOption } from './shared-options.ts';

const defaultDeadlineMs = 5_000;
/** The supervisor's answer is a little later than the call's own deadline. */
const marginMs = 5_000;
/** The app and the wire, not the action: those are words, as with any other command. */
const ours: ReadonlySet<string> = new Set(['NOT_RUNNING', 'CONFIG_INVALID']);

/** Of the command line or stdin. */
const isUsage = ({ data }: TuttiError): boolean => data['next'] !== undefined;

function actionOf({ services }: AppManifest, name: string): ActionManifest | undefined {
  const [service, action = ''] = name.split('.');
  return Object.values(services).find((one) => one.name === service)?.actions[action];
}

async function callOnce(app: AppConnection, ask: object, deadlineMs = defaultDeadlineMs): Promise<unknown> {
  const timeout = { timeoutMs: deadlineMs + marginMs };
  const { output } = await app.post<{ output?: unknown }>('/call', { ...ask, deadlineMs }, timeout);
  return output ?? null;
}

async function call({ args, options, io }: Invocation): Promise<Outcome> {
  const [action = '', json] = args;
  const input = parseJson(json, `npx tutti call ${action} '{"id":1}'`) ?? {};
  const requestId = randomBytes(16).toString('hex');
  const indent = options.json === true ? 0 : 2;
  const envelope = options.envelope === true;
  const ask = { action, input, requestId };
  try {
    const output = await withApp(options.app, async (app) => {
      const { stream, calls } = actionOf(await app.get<AppManifest>('/manifest'), action) ?? {};
      const deadlineMs = options.deadline ?? calls?.deadlineMs;
      if (stream === undefined) return callOnce(app, { ...ask, envelope }, deadlineMs);
      if (envelope) throw usage('A stream has no envelope', 'Leave out --envelope');
      return callStream(app, { stream, body: { ...ask, deadlineMs: options.deadline }, io });
    });
    if (output !== undefined) io.out(jsonText(output, indent));
    return exit('ok');
  } catch (error) {
    if (!isTuttiError(error) || ours.has(error.code) || isUsage(error)) throw error;
    const { code, message, data } = error;
    const { message: _said, ...rest } = data;
    // Whoever asks for the envelope reads answers, good or bad, in one place.
    if (envelope) io.out(jsonText({ status: 'error', message, request_id: requestId }, indent));
    else io.err(jsonText({ code, message, ...rest }, indent));
    return exit('failed');
  }
}

export const callCommand: CommandSpec = {
  name: 'call',
  summary: 'Call an action and print its answer as JSON',
  details:
    'An error is printed as JSON on stderr (with --envelope: on stdout), and the exit code is 1. The items of a stream are printed a line each, as they come, until its end or Ctrl-C; those it takes are lines of JSON on stdin, read to their end first.',
  arguments: [
    { syntax: '<action>', words: 'service.action' },
    { syntax: '[json]', words: 'its input; default: {}' },
  ],
  options: [
    {
      flags: '--deadline <ms>',
      words: 'how long it may take; default: as the action says, or 5000; of a stream no limit',
      parse: parseWhole,
    },
    { flags: '--envelope', words: 'the answer as a gateway would give it: {status, request_id, ...}' },
    { ...jsonOption, words: 'on one line' },
  ],
  examples: [
    { line: `tutti call users.get '{"id":1}'`, words: 'the answer, or the problem and exit code 1' },
    { line: `tutti call orders.watch '{"after":7}'`, words: 'a stream: a line for each item' },
  ],
  run: call,
};
