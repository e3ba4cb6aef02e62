/**
 * How mesh speaks: a constant sentence and fields.
 */
import { TuttiError } from '../core/errors.ts';

/** The host gives a logger of this shape. */
export type MeshLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  sentence: string,
  fields: Record<string, unknown>,
) => void;

/** Why a connection was not made, as a field. */
export const reasonOf = (error: unknown): unknown =>
  error instanceof TuttiError ? error.data['reason'] : String(error);
