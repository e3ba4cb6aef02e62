/** What a job may be called. Used by who adds jobs, and by what the operator asks for. */
import { bounds } from './bounds.ts';

/** As it is stored: the name of a job, or what jobs are told apart by. */
export const isJobText = (text: unknown): text is string =>
  typeof text === 'string' &&
  text !== '' &&
  text.length <= bounds.jobIdChars &&
  text.isWellFormed() &&
  !text.includes('\0');

/** Digits alone are ours: the number of a job that has no name. */
export const isJobName = (text: string): boolean => !/^\d+$/.test(text);
