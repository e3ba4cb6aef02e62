/**
 * One process of Redis Streams in bench/events.ts: `node redis-streams.ts <tell|hear> <port>`. An XADD for each event, those of one turn written together; a consumer group
 * with one consumer, which reads a hundred at a time and acknowledges them together when all were handled.
 */
import { Redis } from 'ioredis';
import { Hearer, Teller } from '../lib/events.ts';
import type { Told } from '../lib/events.ts';

const [role, port] = process.argv.slice(2);
const connection = new Redis(Number(port), '127.0.0.1', { enableAutoPipelining: role === 'tell' });
const say = (message: unknown): void => void process.send?.(message);
const stream = 'told';
const group = 'hearers';

type Entries = [id: string, fields: string[]][];

function orThrow(promise: Promise<unknown>): void {
  promise.catch((error: unknown) => {
    throw error;
  });
}

async function hear(): Promise<void> {
  await connection.xgroup('CREATE', stream, group, '0', 'MKSTREAM');
  const hearer = new Hearer();
  const acknowledging = connection.duplicate();
  process.on('message', (total: number) => {
    orThrow(hearer.until(total).then(() => say('heard')));
  });
  const loop = async (): Promise<never> => {
    for (;;) {
      const from = ['STREAMS', stream, '>'] as const;
      const read = await connection.xreadgroup('GROUP', group, 'one', 'COUNT', 100, 'BLOCK', 0, ...from);
      const [[, entries] = ['', []]] = (read ?? []) as [string, Entries][];
      for (const [, [, body = '']] of entries) hearer.hear(JSON.parse(body) as Told);
      await acknowledging.xack(stream, group, ...entries.map(([id]) => id));
    }
  };
  orThrow(loop());
}

function tell(): void {
  const teller = new Teller();
  process.on('message', (count: number) => {
    const one = (told: Told): Promise<unknown> => connection.xadd(stream, '*', 'body', JSON.stringify(told));
    orThrow(teller.tell(count, one).then(() => say('told')));
  });
}

if (role === 'hear') await hear();
else tell();
process.on('disconnect', () => process.exit());
say('ready');
