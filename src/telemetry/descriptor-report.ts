/**
 * Says that a process has no file descriptor left, and that it has some again. Used by whoever accepts connections.
 */
import type { Logger } from './logger.ts';

export const descriptorReport =
  (log: Logger) =>
  (areLeft: boolean): void => {
    if (areLeft) log.info('There are file descriptors again');
    else
      log.error('No file descriptor is left, new connections are closed', {
        mend: 'raise the limit (ulimit -n 65536), or find what holds them: lsof -p PID',
      });
  };
