/** What an acknowledgement of a Redis is worth, by its settings: https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/ */
import type { Redis } from 'ioredis';
import type { AckClass } from '../../core/ack-class.ts';
import { TuttiError } from '../../core/errors.ts';
import type { EngineReport } from './change-log.ts';

interface RedisSettings {
  /** Undefined: it does not say. */
  readonly appendOnly: boolean | undefined;
  readonly sync: string | undefined;
  readonly maxMemory: number;
  readonly policy: string | undefined;
}

/** Pure. */
export function redisAck({ appendOnly, sync, maxMemory, policy }: RedisSettings): {
  ack: AckClass;
  because: string;
} {
  if (maxMemory > 0 && policy?.startsWith('allkeys') === true)
    return { ack: 'memory', because: `maxmemory-policy ${policy} lets it drop any key` };
  if (appendOnly === false) return { ack: 'memory', because: 'appendonly is off' };
  if (appendOnly === undefined || sync === undefined)
    return { ack: 'memory', because: 'it does not tell its settings (CONFIG GET)' };
  if (sync === 'always') return { ack: 'disk', because: 'appendonly with appendfsync always' };
  if (sync === 'no') return { ack: 'process', because: 'appendonly with appendfsync no' };
  // While a sync runs it answers up to two seconds before it writes.
  return { ack: 'memory', because: `appendonly with appendfsync ${sync}: the last two seconds can be lost` };
}

export async function redisReport(redis: Redis, place: string): Promise<EngineReport> {
  const server = fieldsOf(await redis.info('server'));
  const version = server['redis_version'] ?? '0';
  refuseOld(version);
  const { aof_enabled: isOn } = fieldsOf(await redis.info('persistence'));
  const { maxmemory = '0', maxmemory_policy: policy } = fieldsOf(await redis.info('memory'));
  const found = redisAck({
    appendOnly: isOn === undefined ? undefined : isOn === '1',
    sync: await syncOf(redis),
    maxMemory: Number(maxmemory),
    policy,
  });
  return { engine: `Redis ${version} at ${place}`, ...found };
}

/** Hosted ones refuse to tell. */
async function syncOf(redis: Redis): Promise<string | undefined> {
  try {
    const [, value] = await redis.config('GET', 'appendfsync');
    return value;
  } catch {
    return undefined;
  }
}

/** XTRIM with MINID came with 6.2. */
function refuseOld(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > 6 || (major === 6 && minor >= 2)) return;
  throw new TuttiError('CONFIG_INVALID', { message: `A store needs Redis 6.2, and this is ${version}` });
}

const fieldsOf = (info: string): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(
    info
      .split('\r\n')
      .filter((line) => line.includes(':'))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  );
