/**
 * When certificates and revocation lists are in force, to the second on both sides, and what a
 * refused chain says about the certificate that is at fault.
 *
 * @module
 */
import { basicConstraints, keyUsage } from '@vitrine/attester';
import { fromHex } from '@vitrine/documents';
import {
  distinguishedName,
  forgeCollateral,
  forgePki,
  generateKeyPair,
  withExtension,
} from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { NOW } from '../testing/forged.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { authenticateChain, type Chain } from './chain.ts';
import { authenticateRevocationList, parseRevocationList } from './crl.ts';

type Changes = Omit<Parameters<typeof forgePki>[0], 'now'>;

const read = (der: Uint8Array): Certificate => parseCertificate(Uint8Array.from(der), 'certificate');
const at = (seconds: number): Date => new Date(NOW.getTime() + seconds * 1000);

function chainOf(changes: Changes = {}): Chain {
  const { pck, intermediate, root } = forgePki({ now: NOW, ...changes });
  return [read(pck.der), read(intermediate.der), read(root.der)];
}
const judge = (changes: Changes, now: Date = NOW): Promise<void> => authenticateChain(chainOf(changes), now, 'chain');

describe('a chain', () => {
  const lifetime = { notBefore: at(-60), notAfter: at(60) };
  const places: readonly [string, Changes][] = [
    ['leaf', { pck: (good) => ({ ...good, ...lifetime }) }],
    ['intermediate', { intermediate: (good) => ({ ...good, ...lifetime }) }],
    ['root', { root: (good) => ({ ...good, ...lifetime }) }],
  ];
  for (const [name, changes] of places) {
    promise('P7', `is in force in the first and the last second of its ${name}, and not beside them`, async () => {
      const chain = chainOf(changes);
      await expect(authenticateChain(chain, at(-60), 'chain')).resolves.toBeUndefined();
      await expect(authenticateChain(chain, at(60), 'chain')).resolves.toBeUndefined();
      for (const seconds of [-60.001, 60.001]) {
        await expect(authenticateChain(chain, at(seconds), 'chain')).rejects.toMatchObject({
          message: expect.stringMatching(/is not valid at this time$/) as string,
          difference: {
            expected: `${at(-60).toISOString()} to ${at(60).toISOString()}`,
            actual: at(seconds).toISOString(),
          },
        });
      }
    });
  }

  promise('P7', 'of another issuer says which', async () => {
    await expect(judge({ pck: (good) => ({ ...good, issuer: distinguishedName('Somebody') }) })).rejects.toMatchObject({
      message: 'chain: Intel SGX PCK Certificate names another issuer than the next certificate',
      difference: {
        expected: expect.stringMatching(/CN=Intel SGX PCK Platform CA/) as string,
        actual: expect.stringMatching(/CN=Somebody/) as string,
      },
    });
  });

  promise('P7', 'by another key says whose signature is missing', async () => {
    await expect(judge({ pck: (good) => ({ ...good, signer: generateKeyPair() }) })).rejects.toThrow(
      'chain: Intel SGX PCK Certificate: its signature is not of Intel SGX PCK Platform CA',
    );
  });

  promise('P7', 'without common names is named by its places', async () => {
    const nobody = [['O', 'Somebody']] as const;
    await expect(
      judge({
        intermediate: (good) => ({ ...good, subject: nobody }),
        pck: (good) => ({ ...good, subject: nobody, signer: generateKeyPair() }),
      }),
    ).rejects.toThrow('chain: certificate 1: its signature is not of its issuer');
    await expect(
      judge({ intermediate: (good) => ({ ...good, subject: nobody, signer: generateKeyPair() }) }),
    ).rejects.toThrow(/^chain: certificate 2: its signature is not of/);
  });

  promise('P7', 'that is longer than an authority allows says by how much', async () => {
    const limited = (pathLength: number): Changes => ({
      root: (good) => ({ ...good, extensions: withExtension(good.extensions, basicConstraints({ pathLength })) }),
    });
    await expect(judge(limited(1))).resolves.toBeUndefined();
    await expect(judge(limited(0))).rejects.toMatchObject({
      message: expect.stringMatching(/path length is exceeded$/) as string,
      difference: { expected: 'at most 0', actual: '1' },
    });
  });

  promise('P7', 'whose leaf may sign certificates or lists is refused', async () => {
    for (const usage of ['keyCertSign', 'cRLSign'] as const) {
      const extensions = keyUsage('digitalSignature', usage);
      await expect(
        judge({ pck: (good) => ({ ...good, extensions: withExtension(good.extensions, extensions) }) }),
      ).rejects.toThrow(/leaf with an authority's key usage/);
    }
  });

  promise('P7', 'that was authenticated before is refused for its time all the same', async () => {
    const chain = chainOf();
    await expect(authenticateChain(chain, NOW, 'chain', chain)).resolves.toBeUndefined();
    await expect(authenticateChain(chain, at(10 ** 10), 'chain', chain)).rejects.toThrow(/not valid at this time/);
  });

  promise('P7', 'is not vouched for by authorities that are known and did not sign it', async () => {
    const underIntermediate = chainOf({ pck: (good) => ({ ...good, signer: generateKeyPair() }) });
    await expect(authenticateChain(underIntermediate, NOW, 'chain', underIntermediate.slice(1))).rejects.toThrow(
      /its signature is not of/,
    );
    const underRoot = chainOf({ intermediate: (good) => ({ ...good, signer: generateKeyPair() }) });
    await expect(authenticateChain(underRoot, NOW, 'chain', underRoot.slice(2))).rejects.toThrow(
      /its signature is not of/,
    );
  });

  promise('P7', 'is not vouched for by another one that was authenticated before', async () => {
    const known = chainOf();
    const other = chainOf({ pck: (good) => ({ ...good, signer: generateKeyPair() }) });
    await expect(authenticateChain(other, NOW, 'chain', known)).rejects.toThrow(/its signature is not of/);
    const [leaf, , root] = known;
    const [, intermediate = leaf] = chainOf();
    await expect(authenticateChain([leaf, intermediate, root ?? leaf], NOW, 'chain', known)).rejects.toThrow(
      /its signature is not of/,
    );
  });
});

describe('a revocation list', () => {
  const pki = forgePki({ now: NOW });
  const issuer = read(pki.intermediate.der);
  const list = parseRevocationList(
    fromHex(
      forgeCollateral(pki, { pckCrl: (good) => ({ ...good, thisUpdate: at(-60), nextUpdate: at(60) }) }).pck_crl,
    ) ?? new Uint8Array(),
    'list',
  );

  promise('P7', 'is in force in its first and its last second, and not beside them', async () => {
    for (const seconds of [-60, 60]) {
      await expect(authenticateRevocationList(list, issuer, at(seconds), 'list')).resolves.toBeUndefined();
    }
    for (const seconds of [-60.001, 60.001]) {
      await expect(authenticateRevocationList(list, issuer, at(seconds), 'list')).rejects.toMatchObject({
        message: 'list is stale or not yet in force: fetch fresh endorsements',
        difference: {
          expected: `${at(-60).toISOString()} to ${at(60).toISOString()}`,
          actual: at(seconds).toISOString(),
        },
      });
    }
  });

  promise('P7', 'of another issuer says which', async () => {
    await expect(authenticateRevocationList(list, read(pki.root.der), NOW, 'list')).rejects.toMatchObject({
      message: 'list is of another issuer',
      difference: {
        expected: expect.stringMatching(/CN=Vitrine Simulator Root CA/) as string,
        actual: expect.stringMatching(/CN=Intel SGX PCK Platform CA/) as string,
      },
    });
  });
});
