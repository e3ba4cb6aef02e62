/**
 * An error as a person at a shell needs it: one sentence, the cause where there is one, the next command; and the exit code.
 */
import { isTuttiError } from '../core/errors.ts';
import type { Paint } from '../core/paint.ts';
import { escapeControls } from '../core/log-line.ts';
import { exitCodes } from './outcome.ts';

const codeOf: Readonly<Record<string, number>> = {
  INVALID_INPUT: exitCodes.usage,
  CONFIG_INVALID: exitCodes.configInvalid,
  NOT_RUNNING: exitCodes.alreadyRunning,
  ALREADY_RUNNING: exitCodes.alreadyRunning,
};

interface Explained {
  readonly text: string;
  readonly exitCode: number;
}

const byLine = (text: string): string => text.split('\n').map(escapeControls).join('\n');

export function explainError(error: unknown, paint: Paint): Explained {
  const said = error instanceof Error ? error : new Error(String(error));
  // What is not ours is a bug, of which every line helps.
  if (!isTuttiError(said))
    return {
      text: `${paint('red', 'tutti:')} ${byLine(said.stack ?? said.message)}`,
      exitCode: exitCodes.failed,
    };
  const next = said.data['next'];
  const lines = [`${paint('red', 'tutti:')} ${byLine(said.message)}`];
  if (typeof next === 'string') lines.push(`  ${next}`);
  return { text: lines.join('\n'), exitCode: codeOf[said.code] ?? exitCodes.failed };
}
