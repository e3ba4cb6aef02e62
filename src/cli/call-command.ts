/** `tutti call`: one action of the running app, from the shell, as the operator. */
import { randomBytes } from 'node:crypto';
import { isTuttiError } from '../core/errors.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { withApp } from './find-app.ts';
import { jsonText } from './io.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { parseJson, parseWhole } from './parse-option.ts';
import { jsonOption } from './shared-options.ts';

const defaultDeadlineMs = 5_000;
/** The supervisor's answer is a little later than the call's own deadline. */
const marginMs = 5_000;
/** The app and the wire, not the action: those are words, as with any other command. */
const ours: ReadonlySet<string> = new Set(['NOT_RUNNING', 'CONFIG_INVALID']);

async function call({ args, options, io }: Invocation): Promise<Outcome> {
  const [action = '', text] = args;
  const input = parseJson(text, `npx tutti call ${action} '{"id":1}'`) ?? {};
  const requestId = randomBytes(16).toString('hex');
  const indent = options.json === true ? 0 : 2;
  const envelope = options.envelope === true;
  const deadlineMs = options.deadline ?? defaultDeadlineMs;
  try {
    const { output } = await withApp(options.app, (app) =>
      app.post<{ output: unknown }>(
        '/call',
        { action, input, deadlineMs, envelope, requestId },
        { timeoutMs: deadlineMs + marginMs },
      ),
    );
    io.out(jsonText(output ?? null, indent));
    return exit('ok');
  } catch (error) {
    if (!isTuttiError(error) || ours.has(error.code)) throw error;
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
  details: 'An error is printed as JSON on stderr (with --envelope: on stdout), and the exit code is 1.',
  arguments: [
    { syntax: '<action>', words: 'service.action' },
    { syntax: '[json]', words: 'its input; default: {}' },
  ],
  options: [
    { flags: '--deadline <ms>', words: 'how long it may take; default: 5000', parse: parseWhole },
    { flags: '--envelope', words: 'the answer as a gateway would give it: {status, request_id, ...}' },
    { ...jsonOption, words: 'on one line' },
  ],
  examples: [
    { line: `tutti call users.get '{"id":1}'`, words: 'the answer, or the problem and exit code 1' },
    { line: 'tutti call users.list --deadline 500', words: 'waits half a second at most' },
  ],
  run: call,
};
