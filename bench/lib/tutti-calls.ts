/** Calls an action of a running app, with the command that users type. */
import type { TuttiApp } from './tutti.ts';

const deadlineMs = 60_000;

export async function callOf<T>(app: TuttiApp, action: string, input: object = {}): Promise<T> {
  const args = [action, JSON.stringify(input), '--deadline', String(deadlineMs)];
  return JSON.parse((await app.command('call', ...args)) || 'null') as T;
}
