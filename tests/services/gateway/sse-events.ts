/** Server-Sent Events of an answer as they come. No test of its own. */

export interface SseEvent {
  /** `message` where it has no name of its own. */
  readonly event: string;
  readonly data: unknown;
}

function eventOf(block: string): SseEvent | undefined {
  const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
  const data = field('data');
  return data === undefined ? undefined : { event: field('event') ?? 'message', data: JSON.parse(data) };
}

/** Ends with the answer; who wants no more before that ends the request. */
export async function* sseEvents(response: Response): AsyncGenerator<SseEvent, undefined> {
  let rest = '';
  for await (const text of (response.body as ReadableStream<Uint8Array>).pipeThrough(
    new TextDecoderStream(),
  )) {
    const blocks = `${rest}${text}`.split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = eventOf(block);
      if (event !== undefined) yield event;
    }
  }
}
