/** What a person types next, given what an instance is and how it failed. Pure; part of `explain`. */
import type { InstanceEvent, TuttiEvent } from './events.ts';
import { typedMoment } from './moments.ts';
import { exitCodeConfigRefused } from './restart-policy.ts';
import type { InstanceStatus } from './status.ts';

export interface NextStep {
  readonly command: string;
  readonly words: string;
}

interface Situation {
  readonly instances: readonly InstanceStatus[];
  /** The one that is told of. */
  readonly failure: InstanceEvent | undefined;
  /** The latest roll that was undone. */
  readonly undone: TuttiEvent | undefined;
  /** Service or slot that was asked about. */
  readonly about: string | undefined;
  /** Whether there is an app to ask for logs, and whether it has who was asked about. */
  readonly app: 'up' | 'down' | 'without it';
  /** Epoch milliseconds. */
  readonly now: number;
}

/** A line may be stamped a moment before the end it tells of. */
const beforeMs = 5_000;

/** As a shell takes it: `gateway:public#1` is `public#1`. */
export const typed = (target: string): string => target.replace(/^gateway:/, '');

export function nextSteps(situation: Situation): NextStep[] {
  const { about, app } = situation;
  const start = app === 'down' ? [{ command: 'tutti start', words: 'starts the app' }] : [];
  if (about === undefined) return [...askingSteps(situation), ...start];
  const steps = [
    ...stoppedSteps(situation),
    ...logSteps(situation),
    ...machineSteps(situation),
    ...mendedSteps(situation),
    ...start,
  ];
  if (steps.length > 0 || app !== 'up') return steps;
  return [{ command: `tutti logs ${typed(about)} --since 10m`, words: 'what it said lately' }];
}

const mostAsked = 3;

/** Of the whole app: whom to ask about. */
function askingSteps({ instances, failure, undone }: Situation): NextStep[] {
  const unwell = instances.filter(({ state }) => state !== 'ready' && state !== 'stopped');
  const services = [...unwell.map(({ slot }) => serviceOf(slot)), failure?.service, undone?.service];
  return [...new Set(services)]
    .filter((service) => service !== undefined)
    .slice(0, mostAsked)
    .map((service) => ({ command: `tutti why ${typed(service)}`, words: 'its story, and its last words' }));
}

const serviceOf = (slot: string): string => slot.slice(0, slot.lastIndexOf('#'));

function logSteps({ failure, app, now }: Situation): NextStep[] {
  if (failure === undefined || app !== 'up') return [];
  const slot = failure.instance.slice(0, failure.instance.lastIndexOf('@'));
  const command = `tutti logs ${typed(slot)} --since ${typedMoment(failure.time - beforeMs, now)}`;
  return [{ command, words: 'what it said before that failure' }];
}

function machineSteps({ failure, instances }: Situation): NextStep[] {
  const paused = instances
    .filter(({ state, reason }) => state === 'unready' && reason.includes('(state T)'))
    .map(({ pid }): NextStep => ({ command: `kill -CONT ${String(pid)}`, words: 'lets it go on' }));
  const { errno, signal } = failure?.evidence ?? {};
  const isMachine = typeof errno === 'string' || (signal === 'SIGKILL' && failure?.from !== 'stopping');
  return isMachine
    ? [...paused, { command: 'tutti doctor', words: 'limits and memory of this machine' }]
    : paused;
}

const startAgain = (slots: readonly InstanceStatus[], words: string): NextStep[] =>
  [...new Set(slots.map(({ slot }) => typed(serviceOf(slot))))].map((name) => ({
    command: `tutti start ${name}`,
    words,
  }));

/** That it is stopped is newer than any failure of it. */
const stoppedSteps = ({ instances }: Situation): NextStep[] =>
  startAgain(
    instances.filter(({ state }) => state === 'stopped'),
    'starts it again',
  );

function mendedSteps({ instances, undone, failure, app }: Situation): NextStep[] {
  const failed = instances.filter(({ state }) => state === 'failed');
  const isConfig = failure?.evidence['code'] === exitCodeConfigRefused;
  const steps = startAgain(failed, isConfig ? 'once its configuration is mended' : 'once it is mended');
  if (undone?.service === undefined || app !== 'up') return steps;
  const command = `tutti restart ${typed(undone.service)} --rolling`;
  return [...steps, { command, words: 'once the new release is mended' }];
}
