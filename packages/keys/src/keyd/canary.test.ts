import { createHash } from 'node:crypto';
import type { KeyPolicy, Manifest } from '@vitrine/documents';
import fc from 'fast-check';
import { afterAll, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import {
  ADA,
  admitServer,
  manifestWith,
  openTestKeyd,
  removeTemporaryDirectories,
  testPlatform,
} from '../testing/open-test-keyd.ts';
import { keyMethods, otherMethods } from './method-parameters.ts';

afterAll(removeTemporaryDirectories);

const rules = (...actions: string[]): KeyPolicy => ({
  rules: actions.map(
    (action) => ({ id: action, effect: 'allow', action, contexts: ['a'] }) as KeyPolicy['rules'][number],
  ),
});
const keys: Manifest['keys'] = {
  hot: {
    origin: 'generated',
    algorithm: 'secp256k1',
    version: 1,
    policy: { rules: [{ id: 'any', effect: 'allow', action: 'evm.message', startsWith: 'any' }] },
  },
  signs: { origin: 'generated', algorithm: 'ed25519', version: 1, policy: rules('sign') },
  point: { origin: 'generated', algorithm: 'p256', version: 1, policy: rules('sign') },
  hides: { origin: 'generated', algorithm: 'aes256', version: 1, policy: rules('encrypt', 'decrypt') },
  opens: { origin: 'generated', algorithm: 'x25519', version: 1, policy: rules('encrypt', 'decrypt') },
};

/** Every spelling in which 32 bytes could leave. */
function spellings(bytes: Uint8Array): readonly string[] {
  const buffer = Buffer.from(bytes);
  return [
    buffer.toString('hex'),
    buffer.toString('base64').replace(/=+$/, ''),
    buffer.toString('base64url'),
    [...buffer].join(','),
    BigInt(`0x${buffer.toString('hex')}`).toString(),
  ];
}

promise('P4', 'no method and no error gives a private byte, whatever is asked', async () => {
  /** All randomness that was given out before servers were there: keys, roots, seeds. */
  const made: Uint8Array[] = [];
  let count = 0;
  let isOpen = false;
  const root = Uint8Array.from(createHash('sha256').update('root').digest());
  const keyd = await openTestKeyd(manifestWith({ keys, store: 'sealed' }), {
    platform: testPlatform(),
    randomBytes: (length) => {
      const bytes = new Uint8Array(length);
      for (let at = 0; at < length; at += 32)
        bytes.set(
          createHash('sha256')
            .update(`${count++}`)
            .digest()
            .subarray(0, Math.min(32, length - at)),
          at,
        );
      if (!isOpen && length >= 32) made.push(Uint8Array.from(bytes));
      return bytes;
    },
  });
  isOpen = true;
  const server = admitServer(keyd, ADA);
  const asked = async (method: string, params: unknown): Promise<string> =>
    JSON.stringify(await server.ask(method, params));
  const methods = [
    ...Object.keys(keyMethods),
    ...Object.keys(otherMethods),
    'keys.export',
    'keys.private',
    '__proto__',
    'constructor',
  ];
  const value = fc.oneof(
    fc.constantFrom(
      'hot',
      'signs',
      'point',
      'hides',
      'opens',
      'a',
      '0x',
      '',
      'AAAA',
      `0x${Buffer.from('hello').toString('hex')}`,
    ),
    fc.string(),
    fc.integer(),
    fc.constantFrom(true, null),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.dictionary(fc.string(), fc.integer(), { maxKeys: 3 }),
  );
  const members = [
    'key',
    'context',
    'message',
    'plaintext',
    'ciphertext',
    'transaction',
    'typedData',
    'type',
    'claims',
    'bytes',
    'method',
    'params',
    'collection',
    'id',
    'document',
    'approvals',
  ];
  let all = '';
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...methods),
      fc.dictionary(fc.constantFrom(...members), value),
      async (method, params) => {
        all += await asked(method, params);
      },
    ),
    { numRuns: 600 },
  );
  for (const key of Object.keys(keys)) {
    const shaped = [
      ['evm.signMessage', { key, message: `0x${Buffer.from('hello').toString('hex')}` }],
      ['sign', { key, context: 'a', message: 'AAAA' }],
      ['mac', { key, context: 'a', message: 'AAAA' }],
      ['encrypt', { key, context: 'a', plaintext: 'AAAA' }],
      ['decrypt', { key, context: 'a', ciphertext: 'AAAA' }],
    ] as const;
    for (const [method, params] of shaped) {
      all += await asked(method, params);
      all += await asked('explain', { method, params });
    }
  }
  expect(all).toContain('"signature":');
  expect(all).toContain('"ciphertext":');
  expect(made.length).toBeGreaterThan(5);
  for (const secret of [...made, root]) {
    for (const text of spellings(secret.subarray(0, 32))) expect(all.toLowerCase()).not.toContain(text.toLowerCase());
  }
});
