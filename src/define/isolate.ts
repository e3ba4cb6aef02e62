/** `isolate` of a service: whether its process is ended with a job that does not end by itself. */
import type { Isolation } from '../core/isolation.ts';
import type { OptionsIn, Problem } from '../core/options.ts';
import { checkOptions, fillOptions, isPlainObject, shown } from '../core/options.ts';
import { isolateOptions } from './work-options.ts';

/** `true`: with the usual grace. */
export type IsolateInput = boolean | OptionsIn<typeof isolateOptions>;

/** Undefined: it is not. */
export function fillIsolate(given: IsolateInput | undefined): Isolation | undefined {
  if (given === undefined || given === false) return undefined;
  return fillOptions(isolateOptions, given === true ? {} : given);
}

export function checkIsolate(given: unknown, queues: object): Problem[] {
  const path = 'isolate';
  if (given === undefined || given === false) return [];
  if (Object.keys(queues).length === 0)
    return [
      {
        path,
        message: 'only jobs are ended with their process: give the service `queues`, or leave this out',
      },
    ];
  if (given === true) return [];
  return isPlainObject(given)
    ? checkOptions(isolateOptions, given, path)
    : [{ path, message: `expected true, false or { graceMs }, got ${shown(given)}` }];
}
