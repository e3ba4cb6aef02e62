/** How mesh speaks: a constant sentence and fields. The host gives a logger of this shape. */
export type MeshLog = (
  level: 'debug' | 'info' | 'warn' | 'error',
  sentence: string,
  fields: Record<string, unknown>,
) => void;
