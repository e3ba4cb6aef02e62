/** Options that several commands have, said once. */
import type { OptionSpec } from './command.ts';
import { parseDuration } from './parse-option.ts';

export const appOption: OptionSpec = {
  flags: '--app <file>',
  words: 'the app file; default: tutti.ts, .js or .mjs here or above, else the only app that runs',
};

export const jsonOption: OptionSpec = { flags: '--json', words: 'JSON for programs instead of words' };

export const waitOption = (words: string): OptionSpec => ({
  flags: '--wait <time>',
  words,
  parse: parseDuration,
});
