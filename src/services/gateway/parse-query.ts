/**
 * Query strings, strictly: what is not percent-encoded UTF-8 is refused instead of repaired. Pure.
 */
import { TuttiError } from '../../core/errors.ts';

const refuse = (message: string): TuttiError =>
  new TuttiError('INVALID_INPUT', { message, issues: [{ path: '', message }] });

/** Names that some reader, here or later, could take for a way to a prototype. */
const forbidden = /(^|[.[\]])(__proto__|constructor[.[\]]+prototype)($|[.[\]])/;

/** Names in their order, each with all its texts. @throws {TuttiError} `INVALID_INPUT` */
export function parseQuery(query: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const pair of query.split('&')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    const name = decode(at < 0 ? pair : pair.slice(0, at));
    if (forbidden.test(name)) throw refuse('The query has a name that is refused');
    const text = at < 0 ? '' : decode(pair.slice(at + 1));
    const known = values.get(name);
    if (known === undefined) values.set(name, [text]);
    else known.push(text);
  }
  return values;
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw refuse('The query is not percent-encoded UTF-8');
  }
}
