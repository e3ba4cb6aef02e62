/** What a person types next, given what an instance is and how it failed. Pure; part of `explain`. */
import type { InstanceEvent, TuttiEvent } from './events.ts';
import { exitCodeConfigRefused } from './restart-policy.ts';
import type { InstanceStatus } from './status.ts';

export interface NextStep {
  readonly command: string;
  readonly words: string;
}

interface Situation {
  readonly instances: readonly InstanceStatus[];
  /** The latest. */
  readonly failure: InstanceEvent | undefined;
  /** The latest roll that was undone. */
  readonly undone: TuttiEvent | undefined;
  /** Service or slot that was asked about. */
  readonly about: string | undefined;
}

/** A line may be stamped a moment before the end it tells of. */
const beforeMs = 5_000;

/** As a shell takes it: `gateway:public#1` is `public#1`. */
export const typed = (target: string): string => target.replace(/^gateway:/, '');

const secondsOf = (time: number): string => new Date(time).toISOString().replace(/\.\d+/, '');

export function nextSteps(situation: Situation): NextStep[] {
  const { about } = situation;
  if (about === undefined) return askingSteps(situation);
  const steps = [...logSteps(situation), ...machineSteps(situation), ...startSteps(situation)];
  if (steps.length > 0) return steps;
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

function logSteps({ failure }: Situation): NextStep[] {
  if (failure === undefined) return [];
  const slot = failure.instance.slice(0, failure.instance.lastIndexOf('@'));
  const command = `tutti logs ${typed(slot)} --since ${secondsOf(failure.time - beforeMs)}`;
  return [{ command, words: 'what it said before its last failure' }];
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

function startSteps({ instances, undone, failure }: Situation): NextStep[] {
  const again = (words: string, slots: readonly InstanceStatus[]): NextStep[] =>
    [...new Set(slots.map(({ slot }) => typed(serviceOf(slot))))].map((name) => ({
      command: `tutti start ${name}`,
      words,
    }));
  const mend =
    failure?.evidence['code'] === exitCodeConfigRefused
      ? 'once its configuration is mended'
      : 'once it is mended';
  return [
    ...again(
      mend,
      instances.filter(({ state }) => state === 'failed'),
    ),
    ...again(
      'starts it again',
      instances.filter(({ state }) => state === 'stopped'),
    ),
    ...(undone?.service === undefined
      ? []
      : [
          {
            command: `tutti restart ${typed(undone.service)} --rolling`,
            words: 'once the new release is mended',
          },
        ]),
  ];
}
