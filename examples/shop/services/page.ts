/**
 * Paging by id: `?limit=&cursor=`. A cursor says after which id to go on, so rows that come in between move nothing.
 */
import { z } from 'zod';
import type { PageRequest } from '../database/page-request.ts';

const encode = (id: number): string => Buffer.from(`after:${String(id)}`).toString('base64url');

/** Undefined for everything that `encode` does not make. */
function decode(cursor: string): number | undefined {
  const id = Number(Buffer.from(cursor, 'base64url').toString('latin1').slice('after:'.length));
  return Number.isSafeInteger(id) && id > 0 && encode(id) === cursor ? id : undefined;
}

export const PageInput = z.strictObject({
  limit: z.int().min(1).max(1_000).default(100),
  cursor: z
    .string()
    .max(40)
    .refine((cursor) => decode(cursor) !== undefined, 'Expected a next_cursor of an earlier answer')
    .optional(),
});

/** One row more than wanted: its presence says that there is a next page. */
export const pageRequest = (input: z.output<typeof PageInput>): PageRequest => ({
  after: input.cursor === undefined ? 0 : (decode(input.cursor) ?? 0),
  limit: input.limit + 1,
});

export function pageOf<Row extends { readonly id: number }>(rows: readonly Row[], limit: number) {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    rows: shown,
    count: shown.length,
    ...(rows.length > limit && last !== undefined ? { next_cursor: encode(last.id) } : {}),
  };
}
