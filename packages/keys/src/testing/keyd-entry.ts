/**
 * The real key service on the simulator, as a process: arguments are its directory and the simulator's.
 *
 * @module
 */
import { simulatorAnchor } from '@vitrine/verifier';
import { openSimulator } from '../../../simulator/src/simulator.ts';
import { runKeyd } from '../process/keyd-main.ts';
import { fixedSource } from './open-test-keyd.ts';

const [directory = '', simulator = ''] = process.argv.slice(2);

runKeyd({
  directory,
  platform: async (digest) => {
    const opened = await openSimulator({ directory: simulator, now: () => new Date(), release: '0.1.0' });
    return {
      source: opened.launch(digest),
      roots: [fixedSource()],
      isSimulated: true,
      simulatorAnchors: [simulatorAnchor(opened.rootPem)],
    };
  },
});
