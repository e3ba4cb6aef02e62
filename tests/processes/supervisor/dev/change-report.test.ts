import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makePaint } from '../../../../src/core/paint.ts';
import { ChangeReport } from '../../../../src/processes/supervisor/dev/change-report.ts';
import type { RunningApp } from '../../../../src/processes/supervisor/running-app.ts';
import { fakeClock } from '../../../../src/testing/fake-clock.ts';

function makeReport(): { report: ChangeReport; said: string[] } {
  const said: string[] = [];
  const report = new ChangeReport({
    // Nobody is restarted here, so only this is asked.
    app: { wanted: { count: () => 2 } } as unknown as RunningApp,
    clock: fakeClock(),
    terminal: {
      paint: makePaint(false),
      say: (text) => said.push(text.replace(/^\d\d:\d\d:\d\d\.\d{3} /, '')),
    },
  });
  return { report, said };
}

const none = { added: [], removed: [], moved: [], changed: [], scaled: [], nextStart: [] };
const applied = { changes: none, anew: [], filesOf: () => [], appFiles: [], since: 0 };
const syntax = { path: 'services.a.module', message: 'SyntaxError (a.ts:1)\na.ts:1\nconst = 1' };

test('what is broken is said once, whoever else saves meanwhile; something else that is broken is said too', () => {
  const { report, said } = makeReport();
  report.broken(['a.ts'], [syntax]);
  report.broken(['a.ts', 'b.ts'], [syntax]);
  assert.deepEqual(said, [
    'not restarted (a.ts): what runs stays until this is mended\n  services.a.module: SyntaxError (a.ts:1)\n  a.ts:1\n  const = 1',
  ]);
  report.broken(['b.ts'], [{ path: '', message: 'another' }]);
  assert.equal(said.length, 2);
});

test('that it is mended is said once, and what was broken before is then said again', () => {
  const { report, said } = makeReport();
  report.broken([], [syntax]);
  report.applied(applied);
  report.applied(applied);
  assert.deepEqual(said.slice(1), ['mended: all can be read again']);
  assert.equal(report.isBroken, false);
  report.broken([], [syntax]);
  assert.equal(said.length, 3);
});

test('what a project says reaches the terminal with no control character', () => {
  const { report, said } = makeReport();
  report.broken(['a.ts'], [{ path: 'x', message: 'red \u001b[31m\r' }]);
  assert.doesNotMatch(said.join(''), /[\u001b\r]/);
});

test('a change of the app file that restarts nobody says so, or what it did', () => {
  const { report, said } = makeReport();
  report.applied({ ...applied, appFiles: ['tutti.ts'] });
  report.applied({ ...applied, appFiles: ['tutti.ts'], changes: { ...none, scaled: ['a'], removed: ['b'] } });
  assert.deepEqual(said, ['tutti.ts changed: nothing to restart', 'b removed', 'a scaled to 2']);
});
