/**
 * The queue between the two services. A job that has failed stays so: its handler gives up. What is begun again is only what a death of its process, or
 * one that takes longer than a minute, has cut off.
 */
import { defineQueue } from 'tutti';
import { z } from 'zod';

/** Which number of the sequence. */
export const N = z.int().positive();

const month = { ageMs: 30 * 86_400_000, count: 100_000 };

export const fibonacciQueue = defineQueue('fibonacci', {
  input: z.strictObject({ n: N }),
  output: z.int(),
  attempts: 100,
  backoff: { type: 'fixed', delayMs: 100 },
  keep: { done: month, failed: month },
});
