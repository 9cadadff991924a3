import { fromHex, toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { walletKey, walletPath } from './wallet-path.ts';

const bytes = (text: string): Uint8Array => {
  const value = fromHex(text);
  if (value === undefined) throw new Error(`not hexadecimal: ${text}`);
  return value;
};
const SEED_1 = '000102030405060708090a0b0c0d0e0f';
const SEED_2 =
  'fffcf9f6f3f0edeae7e4e1dedbd8d5d2cfccc9c6c3c0bdbab7b4b1aeaba8a5a29f9c999693908d8a8784817e7b7875726f6c696663605d5a5754514e4b484542';

describe('SLIP-0010, its two published vectors for Ed25519', () => {
  const vectors: readonly [seed: string, path: string, key: string][] = [
    [SEED_1, "m/0'", '68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3'],
    [SEED_1, "m/0'/1'", 'b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2'],
    [SEED_1, "m/0'/1'/2'", '92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9'],
    [SEED_1, "m/0'/1'/2'/2'", '30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662'],
    [SEED_1, "m/0'/1'/2'/2'/1000000000'", '8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793'],
    [SEED_2, "m/0'", '1559eb2bbec5790b0c65d8693e4d0875b1747f4970ae8b650486ed7470845635'],
    [SEED_2, "m/0'/2147483647'", 'ea4f5bfe8694d8bb74b7b59404632fd5968b774ed545e810de9c32a4fb4192f4'],
    [SEED_2, "m/0'/2147483647'/1'", '3757c7577170179c7868353ada796c839135b3d30554bbb74a4b1e4a5a58505c'],
    [SEED_2, "m/0'/2147483647'/1'/2147483646'", '5837736c89570de861ebc173b1086da4f505d4adb387c6a1b1342d5e4ac9ec72'],
    [SEED_2, "m/0'/2147483647'/1'/2147483646'/2'", '551d333177df541ad876a60ea71f00447931c0a9da16f227c11ea080d7391b8d'],
  ];
  test.each(vectors)('%s %s', (seed, path, key) => {
    expect(toHex(walletKey('ed25519', bytes(seed), path))).toBe(key);
  });
});

describe('BIP-32, its published vectors', () => {
  const vectors: readonly [seed: string, path: string, key: string][] = [
    [SEED_1, "m/0'", 'edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea'],
    [SEED_1, "m/0'/1", '3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368'],
    [SEED_1, "m/0'/1/2'", 'cbce0d719ecf7431d88e6a89fa1483e02e35092af60c042b1df2ff59fa424dca'],
    [SEED_1, "m/0'/1/2'/2", '0f479245fb19a38a1954c5c7c0ebab2f9bdfd96a17563ef28a6a4b1a2a764ef4'],
    [SEED_1, "m/0'/1/2'/2/1000000000", '471b76e389e528d6de6d816857e012c5455051cad6660850e58372a6c3e6e7c8'],
    [SEED_2, 'm/0', 'abe74a98f6c7eabee0428f53798f0ab8aa1bd37873999041703c742f15ac7e1e'],
  ];
  test.each(vectors)('%s %s', (seed, path, key) => {
    expect(toHex(walletKey('secp256k1', bytes(seed), path))).toBe(key);
  });
});

describe('paths', () => {
  const bad = [
    '',
    'm',
    'm/',
    '/0',
    "M/44'",
    '44/60',
    'm//0',
    'm/0/',
    'm/-1',
    'm/+1',
    'm/1.0',
    'm/00',
    "m/044'",
    'm/2147483648',
    "m/2147483648'",
    'm/9999999999',
    'm/99999999999',
    "m/0''",
    'm/0h',
    'm/ 0',
    'm/0\n',
    'm/x',
    'm/٣',
    `m${'/0'.repeat(256)}`,
  ];
  for (const path of bad) {
    promise('P4', `${JSON.stringify(path.slice(0, 20))} is no path`, () => {
      expect(() => walletPath(path)).toThrow(expect.objectContaining({ code: 'keys.path' }));
    });
  }

  test.each(['m/0', "m/0'/1", "m/44'/501'/0'/0"])('Ed25519 refuses the soft step in %s', (path) => {
    expect(() => walletKey('ed25519', bytes(SEED_2), path)).toThrow(expect.objectContaining({ code: 'keys.path' }));
  });

  promise('P4', 'two spellings never name one key', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('m', '/', '0', '1', '9', "'"), maxLength: 12 }), (path) => {
        let steps: readonly number[];
        try {
          steps = walletPath(path);
        } catch (cause) {
          expect(cause).toMatchObject({ code: 'keys.path' });
          return;
        }
        const written = steps.map((step) => (step >= 2 ** 31 ? `${step - 2 ** 31}'` : `${step}`));
        expect(['m', ...written].join('/')).toBe(path);
      }),
    );
  });

  promise('P4', 'the seed stays as it was, to be overwritten by its owner', () => {
    const seed = bytes(SEED_2);
    walletKey('ed25519', seed, "m/0'");
    walletKey('secp256k1', seed, 'm/0');
    expect(toHex(seed)).toBe(SEED_2);
  });
});
