/**
 * The program of the key service: what `vitrine run` starts first, with the platform that it was told. It is
 * not for people.
 *
 * Arguments: the directory of the simulator, and the directory of this server's keys.
 *
 * @module
 */
import { runKeyd } from '@vitrine/keys';
import { openSimulator } from '@vitrine/simulator';
import { VERSION } from './version.ts';

const [home = '', directory = ''] = process.argv.slice(2);

runKeyd({
  directory,
  platform: async (manifestDigest) => {
    const simulator = await openSimulator({
      directory: home,
      now: () => new Date(),
      release: VERSION,
    });
    return { source: simulator.launch(manifestDigest), roots: [simulator.rootSecret()], isSimulated: true };
  },
});
