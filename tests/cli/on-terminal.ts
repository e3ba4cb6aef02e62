/** A command on a terminal of its own, made by `script`. No test of its own. */
import { spawn, spawnSync } from 'node:child_process';
import type { CommandWorld } from './command-world.ts';
import { fixtureFolder } from './command-world.ts';

const hasScript = spawnSync('script', ['--version']).status === 0;
/** Why there is no terminal here. */
export const skip = hasScript ? false : 'script (util-linux) makes the terminal, and is not here';

/** On a terminal of its own; gives what was written to it once it has ended. */
export function onTerminal(
  world: CommandWorld,
  line: string,
): { said: (pattern: RegExp) => Promise<RegExpExecArray>; type: (keys: string) => void } {
  const child = spawn('script', ['-qec', `stty rows 30 cols 100; ${line}`, '/dev/null'], {
    cwd: fixtureFolder,
    env: { ...process.env, ...world.env, TERM: 'xterm' },
  });
  world.own(child);
  let text = '';
  const lookers = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more;
    for (const look of lookers) look();
  });
  return {
    type: (keys) => void child.stdin.write(keys),
    said: async (pattern) => {
      const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
      const look = (): void => {
        const found = pattern.exec(text);
        if (found !== null) resolve(found);
      };
      child.once('close', () => {
        look();
        reject(new Error(`it ended without ${String(pattern)}: ${JSON.stringify(text)}`));
      });
      lookers.add(look);
      look();
      return promise;
    },
  };
}

/** What a screen writes when it leaves the terminal as it was. */
export const left = String.raw`\u001b\[\?25h\u001b\[\?1049l`;
