/** `tutti doctor`: whether this machine and this place have what an app needs, and what mends it where not. */
import type { CommandSpec, Invocation } from './command.ts';
import type { Finding } from './finding.ts';
import { jsonText } from './io.ts';
import type { Io } from './io.ts';
import { checkMachine } from './doctor-machine.ts';
import { checkPlace } from './doctor-place.ts';
import type { Outcome } from './outcome.ts';
import { exit } from './outcome.ts';
import { jsonOption } from './shared-options.ts';

const styleOf = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

function print({ level, what, mend }: Finding, io: Io): void {
  io.out(`  ${io.paint(styleOf[level], level.padEnd(5))} ${what}`);
  if (mend !== undefined) io.out(`        ${mend}`);
}

async function doctor({ options, io }: Invocation): Promise<Outcome> {
  const findings = [...(await checkMachine()), ...(await checkPlace(options.app))];
  if (options.json === true) io.out(jsonText(findings));
  else for (const finding of findings) print(finding, io);
  return exit(findings.some(({ level }) => level === 'fail') ? 'failed' : 'ok');
}

export const doctorCommand: CommandSpec = {
  name: 'doctor',
  summary: 'Look whether this machine has what an app needs',
  details:
    'Each line is ok, warn or fail, with what mends it; exit code 1 when one fails. It changes nothing.',
  options: [jsonOption],
  examples: [
    { line: 'tutti doctor', words: 'this machine, and the app of this folder' },
    { line: 'tutti doctor --app apps/shop/tutti.ts', words: 'with the ports of that app' },
  ],
  run: doctor,
};
