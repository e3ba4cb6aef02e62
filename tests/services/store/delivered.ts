/** What an instance reads of what it is handed. */
import { WrittenJson } from '../../../src/mesh/body.ts';
import type { Delivered } from '../../../src/mesh/kept-event.ts';

export function readDelivered(input: unknown): Delivered {
  if (!(input instanceof WrittenJson)) throw new TypeError('What is handed over is written already');
  return JSON.parse(input.text) as Delivered;
}
