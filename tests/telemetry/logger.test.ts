import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { readLogLine } from '../../src/telemetry/read-log-line.ts';
import { redact } from '../../src/telemetry/logger.ts';

const module = new URL('../../src/telemetry/logger.ts', import.meta.url).href;

/** Runs `code` with a logger of level info in a process of its own, as an instance does; gives the lines it wrote. */
function logged(code: string): string[] {
  const script = `import { makeLogger } from '${module}';
    const log = makeLogger({ level: 'info', bindings: { service: 'users', instance: 'users#1@1' }, context: () => ({ requestId: 'r1' }) });
    ${code}`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return stdout.split('\n').slice(0, -1);
}

test('secrets by name lose their value, in objects and lists too', () => {
  const fields = {
    password: 'x',
    dbPassword: 'x',
    apiKey: 'x',
    api_key: 'x',
    Authorization: 'x',
    'set-cookie': 'x',
    accessToken: 'x',
    list: [{ token: 'x' }],
    a: { secret: 'x', tokens: 3 },
  };
  assert.doesNotMatch(JSON.stringify(redact(fields)), /"x"/);
  assert.deepEqual(redact({ a: { tokens: 3 }, user: 'ann' }), { a: { tokens: 3 }, user: 'ann' });
});

test('what lies deeper than three levels is left out, a circle too', () => {
  const circle: Record<string, unknown> = { name: 'a' };
  circle['self'] = circle;
  assert.deepEqual(redact({ circle }), { circle: { name: 'a', self: { name: 'a', self: '(deeper)' } } });
  assert.doesNotMatch(JSON.stringify(redact({ a: { b: { c: { password: 'x' } } } })), /"x"/);
});

test('an error is its stack, a date a date, bytes their number', () => {
  const { error, at, bytes } = redact({
    error: new TypeError('odd'),
    at: new Date(0),
    bytes: Buffer.alloc(3),
  });
  assert.match(String(error), /^TypeError: odd\n +at /);
  assert.deepEqual(at, new Date(0));
  assert.equal(bytes, '(3 bytes)');
});

test('a line is read back as it was logged, and names of its own head stay what they are', () => {
  const lines = logged(`
    log.debug('too quiet');
    log.warn('Odd', { userId: 2, level: 'gold', time: 'noon', service: 'mail' });`);
  assert.equal(lines.length, 1);
  const { time, ...line } = readLogLine(lines[0] ?? '', {
    instance: 'users#1@1',
    service: 'users',
    stream: 'stdout',
    now: 0,
  });
  assert.ok(time > 0);
  assert.deepEqual(line, {
    level: 'warn',
    instance: 'users#1@1',
    service: 'users',
    message: 'Odd',
    requestId: 'r1',
    fields: { userId: 2, level_: 'gold', time_: 'noon', service_: 'mail' },
  });
});

test('N-85 one event is one line, whatever is in it', () => {
  assert.equal(logged(String.raw`log.info('a\nb\u2028c', { text: '\n{"level":50}\r\n' });`).length, 1);
});

test('the first line of a process that has no descriptor left is written too, and later ones as ever', () => {
  const script = `import { makeLogger } from '${module}';
    import { closeSync, openSync } from 'node:fs';
    const log = makeLogger({ level: 'info', bindings: { service: 'users', instance: 'users#1@1' }, context: () => ({}) });
    const held = [];
    try { for (;;) held.push(openSync('/dev/null')); } catch {}
    log.error('None is left', { pid: 7, password: 'x' });
    held.forEach((fd) => closeSync(fd));
    log.info('There are some', { n: 1 });`;
  const limited = 'ulimit -n 64 && exec "$0" --input-type=module -e "$1"';
  const { stdout, stderr } = spawnSync('sh', ['-c', limited, process.execPath, script], { encoding: 'utf8' });
  assert.equal(stderr, '');
  const origin = { instance: 'users#1@1', service: 'users', stream: 'stdout', now: 0 } as const;
  const lines = stdout.split('\n').slice(0, -1);
  const read = lines.map((line) => readLogLine(line, origin));
  assert.deepEqual(
    read.map(({ level, message, fields }) => [level, message, fields]),
    [
      ['error', 'None is left', { pid_: 7, password: '(hidden)' }],
      ['info', 'There are some', { n: 1 }],
    ],
  );
});

test('a field that cannot be written costs its line and no more', () => {
  const lines = logged(`
    log.info('first', { get bad() { throw new Error('no'); } });
    log.info('second', { big: 10n });`);
  assert.match(lines.join(), /second/);
});
