/**
 * Calls actions and emits events, wherever the instances are: what the host, gateways and the CLI's way in hold in their hands. Every call
 * settles exactly once: answer, typed error or `CALL_TIMED_OUT`. `mesh-caller.ts` makes one.
 */
import type { Avoided } from '../core/avoided.ts';
import type { Certificate, CertificateClaims } from '../core/certificate.ts';
import type { Clock, Random } from '../core/ports.ts';
import type { Reconnect } from '../define/client.ts';
import type { Emitted } from '../define/handling.ts';
import type { ChannelCall } from './channel-call.ts';
import type { EmitCallOptions } from './event-delivery.ts';
import type { ArrivedItem } from './item-inbox.ts';
import type { MeshLog } from './mesh-log.ts';
import type { CallOptions } from './outgoing-call.ts';
import type { Items } from './pump.ts';
import type { RegistryView } from './registry-view.ts';
import type { Stream } from './stream-call.ts';
import type { Transport } from './transport/transport.ts';

export interface CallerStats {
  readonly inFlight: number;
  readonly calls: number;
  readonly failures: number;
  readonly retries: number;
  readonly breakersOpened: number;
  /** Instances that looked bad beside the others. */
  readonly outliers: number;
  /** Actions that are not asked for now: `users.fetch` at `users#1@2`. */
  readonly openBreakers: readonly { readonly action: string; readonly instance: string }[];
  readonly lateAnswers: number;
  readonly timeouts: number;
}

export interface Caller {
  call(service: string, action: string, input: unknown, options?: CallOptions): Promise<unknown>;
  /** The answer as it came, JSON text not parsed, in the shape the action declares for HTTP. */
  callForHttp(service: string, action: string, input: unknown, options?: CallOptions): Promise<Buffer>;
  /** Begins with the first look at it. `items` are what goes to the other side. */
  stream(service: string, action: string, input: unknown, more?: StreamOptions): Stream;
  /** Its items as they came, JSON text not parsed; its result as `callForHttp`. */
  streamForHttp(service: string, action: string, input: unknown, more?: StreamOptions): Stream<ArrivedItem>;
  /** Resolves when the other side runs. */
  channel(service: string, action: string, input: unknown, more?: ChannelOptions): Promise<ChannelCall>;
  /** Resolves once it is stored for those who must have it, and handed to who is there now. */
  emit(event: string, payload: unknown, options?: EmitCallOptions): Promise<Emitted>;
  stats(): CallerStats;
  /** Whom it does not ask now, or asks less. */
  avoided(): Avoided[];
  /** Takes back what waits; closing twice is harmless. */
  close(): Promise<void>;
}

export interface StreamOptions extends CallOptions {
  readonly items?: Items | undefined;
  /** How long it may wait for the other side; default: as the action says. */
  readonly silenceMs?: number | undefined;
}

export interface ChannelOptions extends CallOptions {
  readonly silenceMs?: number | undefined;
  readonly reconnect?: Reconnect<unknown> | undefined;
}

export interface CallerNeeds {
  readonly transport: Transport;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly random: Random;
  /** Who calls. */
  readonly certificate: Certificate;
  readonly verify: (certificate: Certificate) => CertificateClaims | undefined;
  /** Refuses before anything is sent; the callee asks the certificate anyway. */
  readonly maySelf?: ((service: string) => boolean) | undefined;
  readonly log: MeshLog;
}
