/** Reads what an admin request carries; what is not as it must be is refused with its name. */
import { TuttiError } from '../../core/errors.ts';
import type { AdminRequest } from './admin-server.ts';

export function bodyText(request: AdminRequest, name: string): string {
  const value = request.body[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new TuttiError('INVALID_INPUT', { message: `${name} is missing` });
}

export function bodyNumber(request: AdminRequest, name: string): number | undefined {
  const value = request.body[name];
  if (value === undefined || typeof value === 'number') return value;
  throw new TuttiError('INVALID_INPUT', { message: `${name} must be a number` });
}

export function queryNumber(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name) ?? 0);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new TuttiError('INVALID_INPUT', { message: `${name} must be a number from 0` });
}
