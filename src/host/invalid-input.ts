/** What a schema found wrong, as the error that the caller gets. */
import { TuttiError } from '../core/errors.ts';
import { inputIssues } from '../define/schema.ts';
import type { SchemaIssue } from '../define/schema.ts';

/** @param at what the paths start with: `items.7` */
export function invalidInput(issues: readonly SchemaIssue[], at = ''): TuttiError {
  const found = inputIssues(issues).map(({ path, message }) => ({
    path: [at, path].filter((part) => part !== '').join('.'),
    message,
  }));
  const first = found[0];
  const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
  return new TuttiError('INVALID_INPUT', {
    message: `${where}${first?.message ?? 'The input is not valid'}`,
    issues: found,
  });
}
