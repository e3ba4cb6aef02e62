/**
 * A store that is kept in Redis: a stream with one entry per commit, whose ids are the numbers of the commits; copies are lists. What has to be one step is a
 * script: https://redis.io/docs/latest/develop/programmability/eval-intro/
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { bounds } from '../../core/bounds.ts';
import { TuttiError } from '../../core/errors.ts';
import type {
  Appended,
  ChangeLog,
  EngineNeeds,
  EngineReport,
  KeptCopy,
  LogRecord,
  OtherOwner,
  Owner,
} from './change-log.ts';
import { redisReport } from './redis-report.ts';

/** The highest number that is kept: in the stream, or in the copy. */
const lastNumber = `
local function last(log, copy)
  local top = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  local number = tonumber(redis.call('HGET', copy, 'number') or '-1')
  if top then number = math.max(number, tonumber(string.match(top[1], '^%d+'))) end
  return number, top
end
`;
const appendScript = `${lastNumber}
local number = tonumber(ARGV[1])
local kept, top = last(KEYS[1], KEYS[2])
if kept == number - 1 then
  redis.call('XADD', KEYS[1], ARGV[1] .. '-0', 'changes', ARGV[2])
  return 'kept'
end
if kept < number then return 'gap' end
local same = redis.call('XRANGE', KEYS[1], ARGV[1] .. '-0', ARGV[1] .. '-0')[1]
if same and same[2][2] == ARGV[2] then return 'kept' end
return 'taken'
`;
const claimScript = `
local held = redis.call('GET', KEYS[1])
if held then
  local other = cjson.decode(held)
  local mine = cjson.decode(ARGV[1])
  if other.claim ~= mine.claim and (ARGV[3] == 'renew' or other.seat ~= mine.seat) then
    return {other.label, redis.call('PTTL', KEYS[1])}
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
`;
const releaseScript = `
local held = redis.call('GET', KEYS[1])
if held and cjson.decode(held).claim == ARGV[1] then redis.call('DEL', KEYS[1]) end
`;
const publishScript = `
local before = redis.call('HGET', KEYS[1], 'number')
if before and tonumber(before) >= tonumber(ARGV[1]) then return 0 end
redis.call('PERSIST', KEYS[3])
redis.call('HSET', KEYS[1], 'number', ARGV[1], 'checksum', ARGV[2], 'parts', KEYS[3])
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[1] + 1)
return 1
`;
/** An upload that ended early is gone after that. */
const uploadSeconds = 3_600;
const recordsAtOnce = 32;
/** Of one request, ms. A commit that takes longer is asked for again. */
const requestMs = 5_000;

class RedisChangeLog implements ChangeLog {
  readonly #redis: Redis;
  readonly place: string;
  readonly #keys: Readonly<Record<'owner' | 'log' | 'copy', string>>;

  constructor(redis: Redis, { name, place }: Omit<EngineNeeds, 'url'>) {
    this.#redis = redis;
    this.place = place;
    // The braces keep them on one node of a cluster.
    const key = (part: string): string => `tutti:{${name}}:${part}`;
    this.#keys = { owner: key('owner'), log: key('log'), copy: key('copy') };
  }

  /** @throws what the connection says: it goes on trying by itself. */
  async open(): Promise<void> {
    if (this.#redis.status === 'ready') return;
    const ready = once(this.#redis, 'ready');
    if (this.#redis.status === 'wait') this.#redis.connect().catch(() => undefined);
    await ready;
  }

  report(): Promise<EngineReport> {
    return redisReport(this.#redis, this.place);
  }

  claim(owner: Owner): Promise<OtherOwner | undefined> {
    return this.#claim(owner, 'claim');
  }

  async renew(owner: Owner): Promise<boolean> {
    return (await this.#claim(owner, 'renew')) === undefined;
  }

  async release({ claim }: Owner): Promise<void> {
    await this.#redis.eval(releaseScript, 1, this.#keys.owner, claim);
  }

  async copy(): Promise<KeptCopy | undefined> {
    const { number, checksum, parts } = await this.#redis.hgetall(this.#keys.copy);
    if (number === undefined || parts === undefined) return undefined;
    return { number: Number(number), checksum: Number(checksum), parts: this.#parts(parts) };
  }

  async read(after: number): Promise<readonly LogRecord[]> {
    const from = `${String(after + 1)}-0`;
    const entries = await this.#redis.xrangeBuffer(this.#keys.log, from, '+', 'COUNT', recordsAtOnce);
    return entries.map(([id, fields]) => ({
      number: Number.parseInt(id.toString(), 10),
      bytes: fields[1] ?? new Uint8Array(),
    }));
  }

  async append({ number, bytes }: LogRecord): Promise<Appended> {
    const { log, copy } = this.#keys;
    try {
      const said = await this.#redis.eval(appendScript, 2, log, copy, String(number), Buffer.from(bytes));
      return said as Appended;
    } catch (error) {
      if (/^(OOM|MISCONF)\b/.test(textOf(error))) return 'full';
      throw error;
    }
  }

  async putCopy({ number, checksum, parts }: KeptCopy): Promise<void> {
    const { log, copy } = this.#keys;
    const before = await this.#redis.hget(copy, 'parts');
    const list = `${copy}:${randomUUID()}`;
    for await (const part of parts) {
      await this.#redis.rpush(list, Buffer.from(part));
      await this.#redis.expire(list, uploadSeconds);
    }
    const isNew = await this.#redis.eval(publishScript, 3, copy, log, list, String(number), String(checksum));
    const unused = isNew === 1 ? before : list;
    if (unused !== null) await this.#redis.unlink(unused);
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
    await Promise.resolve();
  }

  async #claim(owner: Owner, how: 'claim' | 'renew'): Promise<OtherOwner | undefined> {
    const { storeLeaseMs } = bounds;
    const text = JSON.stringify(owner);
    const other = await this.#redis.eval(claimScript, 1, this.#keys.owner, text, String(storeLeaseMs), how);
    if (!Array.isArray(other)) return undefined;
    const [label, leftMs] = other as [string, number];
    return { label, heardMsAgo: storeLeaseMs - leftMs };
  }

  async *#parts(list: string): AsyncGenerator<Uint8Array> {
    for (let index = 0; ; index += 1) {
      const part = await this.#redis.lindexBuffer(list, index);
      if (part === null) return;
      yield part;
    }
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The package is the user's to install: an app without Redis has none of it. */
export async function makeRedisChangeLog({ url, ...needs }: EngineNeeds): Promise<ChangeLog> {
  const { Redis: Client } = await import('ioredis').catch((cause: unknown) => {
    throw new TuttiError(
      'CONFIG_INVALID',
      { message: 'A store in Redis needs the package ioredis: npm install ioredis' },
      { cause },
    );
  });
  const redis = new Client(url, {
    lazyConnect: true,
    // What cannot be sent now fails now: whoever asked knows what to ask again.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: requestMs,
    commandTimeout: requestMs,
    retryStrategy: (tries) => Math.min(50 * tries, 1_000),
    // After a failover the old primary may be a replica.
    reconnectOnError: (error) => (/^READONLY\b/.test(error.message) ? 1 : false),
  });
  // Told by the request that fails.
  redis.on('error', () => undefined);
  return new RedisChangeLog(redis, needs);
}
