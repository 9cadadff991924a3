/**
 * A process that signs with `@noble/curves` and does nothing else, for `keys.ts`: a message with a count
 * comes in, milliseconds go out. Options and entropy are those of the key service.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** What is used of it. */
interface Curve {
  readonly utils: { randomSecretKey(): Uint8Array };
  sign(hash: Uint8Array, secret: Uint8Array, options: object): Uint8Array;
}

// The version that the key service uses, which may not be that of the workspace.
const keys = createRequire(new URL('../../packages/keys/src/index.ts', import.meta.url));
const { secp256k1 } = (await import(pathToFileURL(keys.resolve('@noble/curves/secp256k1.js')).href)) as {
  readonly secp256k1: Curve;
};

const secret = secp256k1.utils.randomSecretKey();

process.on('message', (count: number) => {
  const hashes = Array.from({ length: count }, () => new Uint8Array(randomBytes(32)));
  const start = performance.now();
  for (const hash of hashes) {
    const extraEntropy = new Uint8Array(randomBytes(32));
    secp256k1.sign(hash, secret, { prehash: false, lowS: true, extraEntropy, format: 'recovered' });
  }
  process.send?.(performance.now() - start);
});
