/**
 * The program of one role of one peer: `node process.ts <peer module> <serve|gateway|drive> <meeting as JSON>`.
 * Speaks to the bench over Node's child channel: says `ready`, then (drive) answers each load with its result.
 */
import { checkEcho, runLoad } from './load.ts';
import type { CallsPeer, GatewayPeer, Load, Meeting } from './peer.ts';

const [module = '', role, meeting = '{}'] = process.argv.slice(2);
const at = JSON.parse(meeting) as Meeting;
const { peer } = (await import(module)) as { peer: Partial<CallsPeer & GatewayPeer> };
const say = (message: unknown): void => void process.send?.(message);

if (role === 'serve') await peer.serve?.(at);
if (role === 'gateway') await peer.gateway?.(at);
if (role === 'drive' && peer.connect !== undefined) {
  const call = await peer.connect(at);
  await checkEcho(call);
  process.on('message', (load: Load) => {
    runLoad(call, load).then(say, (error: unknown) => {
      say({ failed: String(error) });
    });
  });
}
process.on('disconnect', () => process.exit());
say('ready');
