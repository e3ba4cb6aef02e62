/** What an acknowledgement of the store survives, weakest first. Read from the engine's settings, never assumed from its name. */
export const ackClasses = ['memory', 'process', 'disk', 'replicated'] as const;

export type AckClass = (typeof ackClasses)[number];

export const ackWords: Readonly<Record<AckClass, string>> = {
  memory: 'is lost with the process of the engine, or its power',
  process: 'survives the death of every process, not the loss of power',
  disk: 'survives the death of every process, and the loss of power',
  replicated: 'survives the loss of a machine',
};

export const isWeaker = (found: AckClass, required: AckClass): boolean =>
  ackClasses.indexOf(found) < ackClasses.indexOf(required);
