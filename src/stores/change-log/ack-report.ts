/** What the engine of a store says of itself, looked at again while the store is open: settings change under a running app. */
import type { AckClass } from '../../core/ack-class.ts';
import { ackWords, isWeaker } from '../../core/ack-class.ts';
import { TuttiError } from '../../core/errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { ChangeLog, EngineReport } from './change-log.ts';

interface AckReportNeeds {
  readonly changeLog: ChangeLog;
  readonly requireAck: AckClass | undefined;
  readonly log: Logger;
}

export class AckReport {
  readonly #needs: AckReportNeeds;
  #last: EngineReport = {
    engine: 'an engine that was not asked',
    ack: 'memory',
    because: 'it was not asked',
  };

  constructor(needs: AckReportNeeds) {
    this.#needs = needs;
  }

  get last(): EngineReport {
    return this.#last;
  }

  /** @throws {TuttiError} `CONFIG_INVALID` when it keeps less than is required. */
  async look(): Promise<void> {
    const { changeLog, requireAck, log } = this.#needs;
    const found = await changeLog.report();
    const { engine, ack, because } = found;
    if (requireAck !== undefined && isWeaker(ack, requireAck)) throw tooWeak(found, requireAck);
    const isNew = ack !== this.#last.ack || engine !== this.#last.engine;
    this.#last = found;
    if (!isNew) return;
    const sentence = `The store is kept in ${engine}; an acknowledgement is of class ${ack} (${because}): it ${ackWords[ack]}`;
    log[ack === 'memory' ? 'warn' : 'info'](sentence);
  }
}

const tooWeak = ({ engine, ack, because }: EngineReport, requireAck: AckClass): TuttiError =>
  new TuttiError('CONFIG_INVALID', {
    message:
      `The store requires that an acknowledgement is of class ${requireAck}, and that of ${engine} is of class ${ack} (${because}): ` +
      'change its settings, or `requireAck` of the store',
  });
