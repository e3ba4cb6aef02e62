/** The front door: what users import. Never imported from inside src/. */
export { defineService, remote } from './define/service.ts';
export { defineQueue } from './define/queue.ts';
export { contract, implement } from './define/contract.ts';
export { TuttiError, isTuttiError } from './core/errors.ts';
export { defineApp } from './define/app.ts';
export { readEnv } from './define/read-env.ts';
export type { AppDefinition, AppInput, GatewayEntry, ServiceEntry } from './define/app.ts';
export type { Service } from './define/service.ts';
export type {
  Job,
  JobCounts,
  JobEvent,
  JobEventsOptions,
  JobOptions,
  Jobs,
  JobState,
  Schedule,
  ScheduleOptions,
} from './define/jobs.ts';
export type { Queue } from './define/queue.ts';
export type { Channel, ChannelEnd } from './define/client.ts';
export type { LockOptions, SharedLease } from './define/handling.ts';
export type { Authenticate, HttpRequest, Identity } from './define/gateway-hooks.ts';
export type { AppEvent, InstanceEvent, TuttiEvent } from './core/events.ts';
