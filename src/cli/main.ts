/**
 * The command `tutti`, from its arguments to what came of them. Used by bin/tutti.js, which ends the process or becomes the keeper.
 */
import { commands } from './commands.ts';
import { completionCommand } from './completion.ts';
import { explainError } from './explain-error.ts';
import { processIo } from './io.ts';
import type { Outcome } from './outcome.ts';
import { runProgram } from './program.ts';
import { referenceCommand } from './reference-page.ts';
import { packageVersion } from './version.ts';

const completion = completionCommand(commands);
const documented = [...commands, completion];

export async function run(args: readonly string[]): Promise<Outcome> {
  const io = processIo();
  try {
    const all = [...documented, referenceCommand(documented)];
    return await runProgram(args, { commands: all, version: packageVersion(), io });
  } catch (error) {
    const { text, exitCode } = explainError(error, io.errPaint);
    io.err(text);
    return { exitCode };
  }
}
