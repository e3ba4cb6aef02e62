/**
 * The sequence that begins with F(1) = 0 and F(2) = 1, each number as its rest modulo 1,000,000,007. By fast doubling: as many steps as the index has
 * binary digits, so the largest one that there is takes 53 of them.
 * https://www.nayuki.io/page/fast-fibonacci-algorithms
 */
export const modulus = 1_000_000_007;

/** Products of two rests are beyond what a double holds exactly. */
const m = BigInt(modulus);

/** @param n a whole number from 1, exact as a double. */
export function fibonacci(n: number): number {
  // Those at the place that the digits read so far make, counted from 0, and at the next.
  let [at, next] = [0n, 1n];
  for (const digit of (n - 1).toString(2)) {
    const doubled = (at * (2n * next + m - at)) % m;
    const behind = (at * at + next * next) % m;
    [at, next] = digit === '0' ? [doubled, behind] : [behind, (doubled + behind) % m];
  }
  return Number(at);
}
