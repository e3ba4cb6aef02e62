/** What `tutti jobs watch` shows: a screen on a terminal, a line in a pipe. Pure. */
import { preciseMomentText } from '../core/moments.ts';
import type { QueueView } from '../core/job-view.ts';
import type { Paint } from '../core/paint.ts';
import { countCells } from './jobs-counts.ts';
import { countColumns, haltText, openOf, spanText } from './jobs-text.ts';
import type { Pace } from './queue-pace.ts';
import { renderTable } from './table.ts';

const rateText = ({ perSecond }: Pace): string | undefined =>
  perSecond === null ? undefined : `${perSecond.toFixed(1)} done a second`;

/** Undefined: nothing can be said. */
function endText(view: QueueView, { emptyInMs }: Pace): string | undefined {
  if (openOf(view.counts) === 0) return 'nothing is open';
  return emptyInMs === null ? undefined : `empty in about ${spanText(emptyInMs)}`;
}

const said = (texts: readonly (string | undefined)[]): string[] =>
  texts.filter((text) => text !== undefined && text !== '') as string[];

/** `14:02:07.113  mail  waiting 12  delayed 0  …  3.2 done a second  empty in about 4.0 s` */
export function watchLine(view: QueueView, pace: Pace, now: number): string {
  const counts = Object.entries(view.counts).map(([state, count]) => `${state} ${String(count)}`);
  const about = said([rateText(pace), endText(view, pace), haltText(view)]);
  return [preciseMomentText(now, now), view.queue, ...counts, ...about].join('  ');
}

export interface WatchFacts {
  readonly view: QueueView;
  readonly pace: Pace;
  /** Undefined: what is shown is fresh. */
  readonly silence: string | undefined;
  readonly paint: Paint;
}

export function watchScreen({ view, pace, silence, paint }: WatchFacts): string[] {
  const { queue, worker, counts } = view;
  const halt = haltText(view);
  const who = worker === null ? '' : `done by ${worker.service}, ${String(worker.ready)} ready`;
  const table = renderTable({ columns: countColumns, rows: [countCells(view)] }, paint);
  return [
    `${paint('bold', queue)}  ${paint('gray', who)}`,
    ...(silence === undefined ? [] : [paint('yellow', silence)]),
    '',
    ...table.map((line) => `  ${line}`),
    '',
    `  ${said([rateText(pace), endText(view, pace)]).join('   ')}`,
    ...(halt === '' ? [] : [`  ${paint('yellow', `! ${halt}`)}`]),
    ...(counts.failed === 0 ? [] : [`  why they failed   npx tutti jobs dead ${queue}`]),
    '',
    '  q ends',
  ];
}
