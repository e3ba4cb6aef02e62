/**
 * Chooses who gets the next call: the cheaper of two drawn at random. Pure; used by the mesh's caller.
 * Source: Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing".
 */
import type { Random } from './ports.ts';

/** Two draws, never the same item twice: always the cheapest would send every caller to the same instance. */
export function pickOfTwo<Item>(
  items: readonly Item[],
  costOf: (item: Item) => number,
  random: Random,
): Item | undefined {
  const count = items.length;
  if (count < 2) return items[0];
  const first = Math.floor(random() * count);
  const second = (first + 1 + Math.floor(random() * (count - 1))) % count;
  const left = items[first];
  const right = items[second];
  if (left === undefined || right === undefined) return left ?? right;
  return costOf(right) < costOf(left) ? right : left;
}
