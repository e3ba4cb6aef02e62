/**
 * The end of a process, from the keeper's word to the event of its slot: what it said last is heard before its end is told, and the keeper
 * forgets it only when that was dealt with. Used by the running app.
 */
import { mostEvidenceLines } from '../../core/events.ts';
import type { KeeperState } from '../../core/keeper-frames.ts';
import type { ControlServer } from './control-server.ts';
import type { InstanceDesk } from './instance-desk.ts';
import type { Exited, KeeperLink } from './keeper-link.ts';
import type { LogHub } from './log-hub.ts';
import type { Slots } from './slots.ts';
import type { SpoolTails } from './spool-tails.ts';

export interface ExitsNeeds {
  readonly keeper: KeeperLink;
  readonly control: ControlServer;
  readonly tails: SpoolTails;
  readonly desk: InstanceDesk;
  readonly hub: LogHub;
  readonly slots: Slots;
}

/** For the last words of a process that has ended, which may be on their way still. */
const lastWordsMs = 500;
/** Of a line in the evidence of an exit. */
const longestLine = 500;

export class Exits {
  readonly #needs: ExitsNeeds;
  #isOpen = false;

  constructor(needs: ExitsNeeds) {
    this.#needs = needs;
  }

  /** Once the slots are known: those who ended before, or while nobody was there, come first. */
  open(exited: KeeperState['exited']): void {
    this.#isOpen = true;
    for (const exit of exited) void this.onExited({ op: 'exited', ...exit });
  }

  async onExited({ key, epoch, code, signal }: Exited): Promise<void> {
    // The keeper keeps it until it is forgotten, so it is in the list that is asked for.
    if (!this.#isOpen) return;
    const { keeper, control, tails, desk, hub, slots } = this.#needs;
    await control.left(key, lastWordsMs);
    await tails.finish(key);
    const words = desk.takeWords(key);
    const stderr = hub
      .lastWords(`${key}@${String(epoch)}`, mostEvidenceLines)
      .map((line) => line.slice(0, longestLine));
    slots.dispatch(key, {
      ...{ type: 'exited', epoch, code, signal, evidence: { stderr } },
      ...(words === undefined ? {} : { words }),
    });
    await keeper.ask({ op: 'forget', key, epoch }).catch(() => undefined);
  }
}
