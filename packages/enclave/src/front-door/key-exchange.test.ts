import { constants } from 'node:crypto';
import { connect } from 'node:tls';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { openDoor } from '../testing/open-door.ts';

/** What comes of a client that offers these groups alone: the protocol, or the error's code. */
async function exchange(groups: string): Promise<string> {
  const { door } = await openDoor();
  return new Promise((resolve) => {
    const socket = connect({ port: door.port, host: '127.0.0.1', rejectUnauthorized: false, ecdhCurve: groups });
    socket.once('secureConnect', () => {
      resolve(socket.getProtocol() ?? '');
      socket.destroy();
    });
    socket.once('error', ({ code = '' }: NodeJS.ErrnoException) => resolve(code));
  });
}

/** OpenSSL 3.5 has it, which Node has from version 24 on. */
const isOld: string | false =
  Number(process.versions.node.split('.')[0]) >= 24 && constants.OPENSSL_VERSION_NUMBER >= 0x30500000
    ? false
    : 'this Node has no post-quantum key exchange';

promise.unless(isOld, 'P1', 'a client that wants the post-quantum key exchange and no other gets it', async () => {
  expect(await exchange('X25519MLKEM768')).toBe('TLSv1.3');
});

promise('P1', 'a client without it gets X25519, and one with curves of no use gets nothing', async () => {
  expect(await exchange('X25519')).toBe('TLSv1.3');
  expect(await exchange('secp256k1')).toMatch(/^(?:ERR_SSL|ECONNRESET)/);
});
