/** Whether what was typed is what one deed of a command with several takes: `tutti jobs list`, `tutti events read`. */
import type { Invocation } from './command.ts';
import { usage } from './parse-option.ts';

export interface DeedSpec {
  /** As it is typed behind its name: what stands in `<>` must be said. */
  readonly syntax: string;
  /** Beside `--json` and `--app`, which all take. */
  readonly options: readonly string[];
}

const always: ReadonlySet<string> = new Set(['app', 'json']);
/** `untilEmpty` -> `--until-empty` */
const flagOf = (option: string): string =>
  `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/**
 * What one means by an option that is not heard would not happen, and nobody would say so.
 * @param name of command and deed: `jobs list`
 * @throws {TuttiError} `INVALID_INPUT`
 */
export function checkLine(
  name: string,
  { syntax, options }: DeedSpec,
  { args, options: given }: Pick<Invocation, 'args' | 'options'>,
): void {
  const said = Math.max(0, args.length - 1);
  const words = syntax.match(/\S+/g) ?? [];
  const needed = words.filter((word) => word.includes('<')).length;
  const line = `npx tutti ${name} ${syntax}`.trimEnd();
  if (said < needed) throw usage(`Say of which: ${line}`);
  if (said > words.length) throw usage(`That is more than tutti ${name} takes: ${line}`);
  for (const option of Object.keys(given))
    if (!always.has(option) && !options.includes(option))
      throw usage(
        `tutti ${name} takes no ${flagOf(option)}`,
        `Help: npx tutti ${name.split(' ', 1)[0] ?? ''} --help`,
      );
}
