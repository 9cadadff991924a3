/**
 * The key service as a process that is to be killed: its directory is the argument, descriptors 3 and on are
 * sockets of servers. With the URL and the key of a freshness service its state is anchored there, and made only
 * where there is none.
 *
 * @module
 */
import { existsSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { openTestKeyd } from '../../packages/keys/src/testing/open-test-keyd.ts';
import { anchoredPlatform } from './anchored-platform.ts';
import { anchoredManifest, CALLERS, MANIFEST } from './subject.ts';

const [directory = '', url, key] = process.argv.slice(2);

const keyd =
  url === undefined || key === undefined
    ? await openTestKeyd(MANIFEST, { directory })
    : await openTestKeyd(anchoredManifest({ kind: 'service', url, key }), {
        directory,
        genesis: !existsSync(join(directory, 'store.sqlite')),
        platform: anchoredPlatform(),
      });
for (let index = 0; index < CALLERS; index++) {
  keyd.admit({ id: `i${index}`, principal: `user-${index}`, isolated: true }, new Socket({ fd: 3 + index }));
}
