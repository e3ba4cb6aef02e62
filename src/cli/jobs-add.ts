/** `tutti jobs add`: held against the schema of the queue where the app has a worker for it, then stored. */
import { randomBytes } from 'node:crypto';
import type { QueueView } from '../core/job-view.ts';
import { escapeControls } from '../core/log-line.ts';
import { misfits } from '../define/fits-schema.ts';
import type { AppManifest } from '../define/manifest.ts';
import { jsonText } from './io.ts';
import { queueOf } from './jobs-counts.ts';
import type { JobsAsk } from './jobs-options.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { parseJson, usage } from './parse-option.ts';
import { shellWord } from './shell-word.ts';

type JsonSchema = NonNullable<AppManifest['services'][string]['queues']>[string]['input'];

function schemaOf({ services }: AppManifest, queue: string): JsonSchema | undefined {
  const found = Object.values(services).find(({ queues = {} }) => Object.hasOwn(queues, queue));
  return found?.queues?.[queue]?.input;
}

async function checkInput({ app, queue }: JobsAsk, input: unknown): Promise<void> {
  const schema = schemaOf(await app.get<AppManifest>('/manifest'), queue);
  const problems = schema === undefined ? [] : await misfits(schema, input);
  if (problems.length === 0) return;
  const lines = problems.map(({ path, message }) => `  ${path === '' ? 'the input' : path}: ${message}`);
  throw usage(`The input does not fit the schema of the queue ${queue}:\n${lines.join('\n')}`);
}

function tellWhatHolds({ queue, isPaused, worker }: QueueView, { io }: JobsAsk): void {
  if (worker === null)
    io.err(
      `No service of this app does the jobs of ${queue}: it waits, and is held against the schema when it runs`,
    );
  else if (worker.ready === 0)
    io.err(`It waits: nobody of ${worker.service} is ready. Why: npx tutti why ${worker.service}`);
  if (isPaused) io.err(`It waits: ${queue} is paused. To go on: npx tutti jobs resume ${queue}`);
}

export async function addJob(ask: JobsAsk): Promise<Outcome> {
  const { app, queue, second, options, io } = ask;
  const input = parseJson(second, `npx tutti jobs add ${queue} '{"id":1}'`);
  const view = await queueOf(app, queue);
  await checkInput(ask, input);
  const { jobId, delay, priority } = options;
  const wish = { queue, input, jobId, delayMs: delay, priority, requestId: randomBytes(16).toString('hex') };
  const answer = await app.post<{ id: string; added: boolean }>('/jobs/add', wish);
  if (options.json === true) {
    io.out(jsonText(answer));
    return exit('ok');
  }
  const id = escapeControls(answer.id);
  if (answer.added) io.out(`Job ${id} was added to ${queue}`);
  else io.out(`Nothing was added: ${queue} has a job ${id} already`);
  if (answer.added) tellWhatHolds(view, ask);
  io.err(`How it fares: npx tutti jobs show ${queue} ${shellWord(answer.id)}`);
  return exit('ok');
}
