/**
 * Kinds of fields that the inputs of all three services are made of. What passes here, every database can keep.
 */
import { z } from 'zod';

/** Whole, from 1, and small enough to be exact as a number in JSON. */
export const Id = z.int().positive();

/**
 * A text of 1 to `max` characters, blanks around it taken away. Refused: NUL, which PostgreSQL cannot store, and half
 * characters (lone surrogates), which would come back as another text than was sent.
 */
export const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .refine(
      (value) => value.isWellFormed() && !value.includes('\0'),
      'Must not hold NUL or broken characters',
    );
