/** A text as one word of a command that a person copies into a shell: who names a job must not thereby write the command. */
import { escapeControls } from '../core/log-line.ts';

const plain = /^[\w@%+=:,./-]+$/;

export function shellWord(text: string): string {
  const harmless = escapeControls(text);
  const word = plain.test(harmless) ? harmless : `'${harmless.replaceAll("'", "'\\''")}'`;
  // It would be taken for an option.
  return harmless.startsWith('-') ? `-- ${word}` : word;
}
