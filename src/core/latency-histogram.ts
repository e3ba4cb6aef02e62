/** How long calls took, in 16 buckets that double: cheap to count, small enough for a statistics slot, easy to merge. */

export const latencyBuckets = 16;
const firstBucketMs = 0.25;

/** The bucket holds what took less than this; the last holds the rest too. */
export const latencyBucketMs = (bucket: number): number => firstBucketMs * 2 ** bucket;

export function latencyBucket(tookMs: number): number {
  if (tookMs < firstBucketMs) return 0;
  return Math.min(latencyBuckets - 1, 1 + Math.floor(Math.log2(tookMs / firstBucketMs)));
}
