/**
 * The instance program: runs one replica of one service. Here its parts are built, linked and started, and stopped in reverse.
 * It ends when it is told to (control socket, SIGTERM), when its work fails, or when the keeper is gone.
 */
import { flushCompileCache } from 'node:module';
import { exitCodeConfigRefused } from '../../core/restart-policy.ts';
import { isTuttiError } from '../../core/errors.ts';
import { traceField } from '../../core/trace.ts';
import { displayName, instanceId, isSystemService, slotId } from '../../core/ids.ts';
import { startHost } from '../../host/host.ts';
import type { Host } from '../../host/host.ts';
import type { LoadedService } from '../../host/load-service.ts';
import { loadService, locate } from '../../host/load-service.ts';
import type { ServiceManifest } from '../../define/manifest.ts';
import type { Birth, Phase, SupervisorMessage } from '../../mesh/control-protocol.ts';
import { currentContext } from '../../mesh/context.ts';
import { RegistryView } from '../../mesh/registry-view.ts';
import { unixTransport } from '../../mesh/transport/unix.ts';
import { AcceptGuard } from '../../os/accept-guard.ts';
import { systemClock } from '../../os/clock.ts';
import { makeVerifier } from '../../os/identity.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { flushSpans } from '../../telemetry/tracing.ts';
import { guardOutputs } from '../../telemetry/guarded-output.ts';
import { descriptorReport } from '../../telemetry/descriptor-report.ts';
import { makeLogger } from '../../telemetry/logger.ts';
import type { CertificateClaims } from '../../core/certificate.ts';
import { AvoidedReport } from './avoided-report.ts';
import { readBirth } from './birth.ts';
import { ControlLink } from './control-link.ts';
import { Grace } from './grace.ts';
import { CallNotes } from './call-notes.ts';
import { Heartbeat } from './heartbeat.ts';
import { JobNotes } from './job-notes.ts';
import { Readiness } from './readiness.ts';
import { InstanceLocks } from './locks.ts';
import { InstanceShared } from './shared.ts';
import { makeRuntime, SystemNews } from './system-runtime.ts';

const lateMs = 60_000;
/** For the spans that are still here to be sent; who collects them may be down. */
const flushMs = 1_000;

const within = (ms: number, work: Promise<void>): Promise<void> =>
  Promise.race([
    work,
    new Promise<void>((done) => {
      systemClock.after(ms, done);
    }),
  ]);

class Instance {
  readonly #birth: Birth;
  readonly #log: Logger;
  readonly #registry = new RegistryView();
  readonly #news: SystemNews;
  readonly #control: ControlLink;
  readonly #heartbeat: Heartbeat;
  readonly #shared: InstanceShared;
  readonly #locks: InstanceLocks;
  readonly #accepts: AcceptGuard;
  readonly #avoided = new AvoidedReport((message) => this.#control.send(message));
  readonly #impatience = new AbortController();
  readonly #grace: Grace;
  #phase: Phase = 'opening';
  #manifestHash = '';
  #host: Host | undefined;
  #readiness: Readiness | undefined;
  #ending: Promise<never> | undefined;

  constructor(birth: Birth) {
    this.#birth = birth;
    this.#log = makeLogger({
      level: birth.logLevel,
      bindings: { service: birth.self.service, instance: instanceId(birth.self) },
      context: () => {
        const context = currentContext();
        return context === undefined ? {} : { requestId: context.requestId, ...traceField(context.trace) };
      },
    });
    this.#news = new SystemNews(birth.app, (after) => {
      this.#control.send({ op: 'follow', after });
    });
    this.#accepts = new AcceptGuard({ onChange: descriptorReport(this.#log) });
    const { statistics, self, beatMs } = birth;
    this.#heartbeat = new Heartbeat({
      ...statistics,
      epoch: self.epoch,
      beatMs,
      clock: systemClock,
      stats: () => this.#host?.responder.stats(),
      calls: () => this.#host?.caller.stats(),
      onBeat: () => {
        this.#accepts.look();
        if (this.#host !== undefined) this.#avoided.tell(this.#host.caller.avoided());
      },
    });
    this.#control = new ControlLink({
      path: birth.control,
      certificate: birth.certificate,
      registry: this.#registry,
      clock: systemClock,
      phase: () => this.#phase,
      manifestHash: () => this.#manifestHash,
      onMessage: (message) => {
        this.#hear(message);
      },
    });
    this.#grace = new Grace({
      clock: systemClock,
      tell: (ms) => {
        this.#control.send({ op: 'extend', ms });
      },
      onOver: () => {
        this.#impatience.abort();
      },
    });
    this.#locks = new InstanceLocks({
      clock: systemClock,
      send: (message) => {
        this.#control.send(message);
      },
    });
    this.#shared = new InstanceShared({
      path: birth.counters,
      locks: this.#locks,
      register: (kind, name) => {
        this.#control.send({ op: 'register', kind, name });
      },
    });
  }

  async start(): Promise<void> {
    try {
      const [loaded] = await Promise.all([
        loadService(this.#birth.module, this.#birth.self.service),
        this.#control.welcomed,
      ]);
      this.#manifestHash = loaded.manifest.hash;
      this.#host = await this.#open(loaded);
      this.#serve(this.#host, loaded);
    } catch (error) {
      await this.#refuse(error);
    }
  }

  /** Takes nothing new, finishes what is in hand, closes, exits. Asked again it only grows impatient. */
  end(reason: string, graceMs: number, maxMs = graceMs): Promise<never> {
    if (this.#ending !== undefined) this.#impatience.abort();
    else this.#grace.begin(graceMs, maxMs);
    this.#ending ??= this.#end(reason, graceMs);
    return this.#ending;
  }

  #open({ definition, manifest }: LoadedService): Promise<Host> {
    const { self, certificate, publicKey, address, config } = this.#birth;
    return startHost({
      ...{ definition, manifest, config, self, certificate, address },
      claims: JSON.parse(certificate.text) as CertificateClaims,
      verify: makeVerifier(publicKey),
      transport: unixTransport(this.#accepts),
      registry: this.#registry,
      shared: this.#shared,
      extend: (ms) => {
        this.#grace.extend(ms);
      },
      log: this.#log,
      clock: systemClock,
      random: Math.random,
      pool: this.#poolWatcher(manifest),
      jobs: this.#jobWatcher(manifest),
      families: () => this.#accepts.families(),
      ...(isSystemService(self.service)
        ? {
            runtime: (caller) =>
              makeRuntime({
                ...{ birth: this.#birth, news: this.#news, registry: this.#registry, caller },
                accepts: this.#accepts,
                send: (message) => {
                  this.#control.send(message);
                },
              }),
          }
        : {}),
    });
  }

  #poolWatcher({ actions }: ServiceManifest): CallNotes | undefined {
    const limitMs = this.#birth.pool?.callLimitMs;
    if (limitMs === undefined) return undefined;
    return new CallNotes({
      limitMs,
      clock: systemClock,
      heartbeat: this.#heartbeat,
      actions: Object.keys(actions),
    });
  }

  #jobWatcher({ isolate, queues = {} }: ServiceManifest): JobNotes | undefined {
    if (isolate === undefined) return undefined;
    const clock = systemClock;
    return new JobNotes({ isolate, clock, heartbeat: this.#heartbeat, queues: Object.keys(queues) });
  }

  #serve(host: Host, { definition }: LoadedService): void {
    if (this.#ending !== undefined) return;
    // Node writes its compile cache when a process exits by itself. One that is killed would leave none, and so would every next one: a restart took 100 ms longer,
    // for ever. Here, since where there is none yet it holds the event loop for a second, and for longer where others do the same.
    flushCompileCache();
    this.#phase = 'ready';
    this.#control.send({ op: 'ready', manifestHash: this.#manifestHash });
    if (definition.check === undefined) return;
    this.#readiness = new Readiness({
      everyMs: this.#birth.checkMs,
      clock: systemClock,
      check: () => host.check(),
      onChange: (ok, reason) => {
        this.#control.send({ op: 'check', ok, reason });
      },
    });
  }

  #hear(message: SupervisorMessage): void {
    this.#news.hear(message);
    this.#locks.hear(message);
    if (message.op === 'drain') void this.end(message.reason, message.timeoutMs, message.maxMs);
    if (message.op === 'registered' && message.problem !== undefined)
      this.#log.error('A shared name was refused', { name: message.name, problem: message.problem });
    if (message.op === 'registered' || message.op === 'welcome') this.#shared.settle();
    if (message.op !== 'welcome') return;
    this.#readiness?.tell();
    this.#grace.repeat();
    this.#avoided.repeat();
  }

  async #end(reason: string, graceMs: number): Promise<never> {
    this.#phase = 'draining';
    this.#log.debug('Draining', { reason, graceMs });
    this.#readiness?.close();
    try {
      const finished = await this.#host?.drain(this.#impatience.signal);
      if (finished === false) this.#log.warn('Not all work in hand was finished in time', { graceMs });
      await this.#host?.close();
      await within(flushMs, flushSpans());
    } finally {
      this.#grace.close();
      this.#locks.close();
      this.#control.close();
      this.#heartbeat.close();
      this.#accepts.close();
      this.#shared.close();
    }
    process.exit(0);
  }

  /** Says why where a person will look: on the supervisor's screen, and in the log with the whole stack. */
  async #refuse(error: unknown): Promise<never> {
    const message = isTuttiError(error) ? error.message : locate(error, this.#birth.module);
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    await within(500, this.#control.welcomed);
    this.#control.send({ op: 'failed', message: message.slice(0, 4_096) });
    this.#control.close();
    // The frame must have left before the process is gone; nothing else holds it.
    setImmediate(() => process.exit(isTuttiError(error, 'CONFIG_INVALID') ? exitCodeConfigRefused : 1));
    return new Promise(() => undefined);
  }
}

const { birth, cut } = await readBirth();
process.title = `tutti: ${displayName(slotId(birth.self))}`;
guardOutputs();
const instance = new Instance(birth);
process.on('SIGTERM', () => void instance.end('SIGTERM', lateMs));
// Ctrl-C is for the keeper; a terminal must not end half of the app.
process.on('SIGINT', () => undefined);
process.on('SIGHUP', () => undefined);
void cut.then(() => instance.end('the keeper is gone', birth.orphanGraceMs));
// Whatever still runs then, a `close()` that hangs too: an orphan must not stay.
void cut.then(() => systemClock.after(birth.orphanGraceMs, () => process.exit(1)));
await instance.start();
