/**
 * The key service as a process that is to be killed: its directory is the argument, descriptors 3 and on are
 * sockets of servers.
 *
 * @module
 */
import { Socket } from 'node:net';
import { openTestKeyd } from '../../packages/keys/src/testing/open-test-keyd.ts';
import { CALLERS, MANIFEST } from './subject.ts';

const [directory = ''] = process.argv.slice(2);

const keyd = await openTestKeyd(MANIFEST, { directory });
for (let index = 0; index < CALLERS; index++) {
  keyd.admit({ id: `i${index}`, principal: `user-${index}`, isolated: true }, new Socket({ fd: 3 + index }));
}
