/** A page of a list as one message: what is in it may be large, then there is less of it. */
import { isTuttiError } from './errors.ts';

/** Half as many at a time. @throws {TuttiError} `PAYLOAD_TOO_LARGE`: one alone is too large. */
export async function fittingPage<Page>(most: number, ask: (limit: number) => Promise<Page>): Promise<Page> {
  for (let limit = most; ; limit = Math.ceil(limit / 2)) {
    try {
      return await ask(limit);
    } catch (error) {
      if (!isTuttiError(error, 'PAYLOAD_TOO_LARGE') || limit === 1) throw error;
    }
  }
}
