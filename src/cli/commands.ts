/** All commands, in the order of help and reference page. */
import { callCommand } from './call-command.ts';
import { checkCommand } from './check-command.ts';
import type { CommandSpec } from './command.ts';
import { devCommand } from './dev-command.ts';
import { doctorCommand } from './doctor-command.ts';
import { emitCommand } from './emit-command.ts';
import { eventsCommand } from './events-command.ts';
import { historyCommand } from './history-command.ts';
import { jobsCommand } from './jobs-command.ts';
import { logsCommand } from './logs-command.ts';
import { restartCommand } from './restart-command.ts';
import { scaleCommand } from './scale-command.ts';
import { startCommand } from './start-command.ts';
import { statusCommand } from './status-command.ts';
import { stopCommand } from './stop-command.ts';
import { storeCommand } from './store-command.ts';
import { topCommand } from './top-command.ts';
import { whyCommand } from './why-command.ts';

export const commands: readonly CommandSpec[] = [
  startCommand,
  devCommand,
  statusCommand,
  whyCommand,
  topCommand,
  callCommand,
  emitCommand,
  logsCommand,
  historyCommand,
  restartCommand,
  stopCommand,
  scaleCommand,
  storeCommand,
  eventsCommand,
  jobsCommand,
  checkCommand,
  doctorCommand,
];
