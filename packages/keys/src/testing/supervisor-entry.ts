/**
 * A supervisor that starts the fake key service, prints its process id, and stays until it is killed.
 *
 * @module
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnKeyd } from '../process/spawn-keyd.ts';
import { manifestWith } from './open-test-keyd.ts';

const [directory = '', bubblewrap = ''] = process.argv.slice(2);
const service = await spawnKeyd({
  node: process.execPath,
  main: {
    file: fileURLToPath(new URL('./fake-keyd-entry.ts', import.meta.url)),
    args: [directory],
    nodeOptions: ['--conditions=@vitrine/source'],
  },
  ...(bubblewrap === '' ? {} : { bubblewrap }),
  directory,
  readable: [resolve(fileURLToPath(new URL('../../../../', import.meta.url)))],
  manifest: manifestWith({}),
  genesis: true,
  onLog: () => undefined,
});
process.stdout.write(`${service.pid}\n`);
