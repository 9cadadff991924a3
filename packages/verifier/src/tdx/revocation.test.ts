import {
  type CertificateExtension,
  type CrlDescription,
  distinguishedName,
  forgeCollateral,
  forgePki,
  generateKeyPair,
  keyUsage,
  pemChain,
  revokedEntry,
  revoking,
  unknownCritical,
  withExtension,
} from '@vitrine/simulator/faults';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Changes, checkOf, deciding, idsOf, NOW, verifyForged } from '../testing/forged.ts';

const HOUR_MS = 3_600_000;
const at = (milliseconds: number): Date => new Date(NOW.getTime() + milliseconds);

/** Which checks have not passed, beside the ones that the policy waives. */
async function notPassed(changes: Changes): Promise<{ failed: readonly string[]; unavailable: readonly string[] }> {
  const outcome = await verifyForged(changes);
  return { failed: idsOf(outcome, 'failed'), unavailable: idsOf(outcome, 'unavailable') };
}

describe('revocation', () => {
  const cases: readonly [name: string, changes: Changes][] = [
    ['a revoked PCK certificate', { collateral: { pckCrl: revoking('pck') } }],
    ['a revoked intermediate', { collateral: { rootCrl: revoking('intermediate') } }],
    ['a revoked TCB signing certificate', { collateral: { rootCrl: revoking('tcbSigning') } }],
    ['a PCK list of one zero byte', { collateral: { after: (good) => ({ ...good, pck_crl: '00' }) } }],
    ['a root list of one zero byte', { collateral: { after: (good) => ({ ...good, root_ca_crl: '00' }) } }],
    ['no PCK list', { collateral: { after: (good) => ({ ...good, pck_crl: '' }) } }],
    [
      'a PCK list in upper case',
      { collateral: { after: (good) => ({ ...good, pck_crl: good.pck_crl.toUpperCase() }) } },
    ],
    [
      'a PCK list with a byte too many',
      { collateral: { after: (good) => ({ ...good, pck_crl: `${good.pck_crl}00` }) } },
    ],
    [
      'a PCK list in the place of the root list',
      { collateral: { after: (good) => ({ ...good, root_ca_crl: good.pck_crl }) } },
    ],
    [
      'a root list in the place of the PCK list',
      { collateral: { after: (good) => ({ ...good, pck_crl: good.root_ca_crl }) } },
    ],
    [
      'a PCK list by the root',
      { collateral: { pckCrl: (good, pki) => ({ ...good, issuer: pki.root.subject, signer: pki.root.key }) } },
    ],
    [
      'a PCK list of the processor CA',
      { collateral: { pckCrl: (good) => ({ ...good, issuer: distinguishedName('Intel SGX PCK Processor CA') }) } },
    ],
    [
      'an intermediate that may not sign lists',
      {
        pki: {
          intermediate: (good) => ({ ...good, extensions: withExtension(good.extensions, keyUsage('keyCertSign')) }),
        },
      },
    ],
    [
      'a PCK CRL issuer chain of another authority',
      {
        collateral: (pki) => {
          const other = forgePki({
            now: NOW,
            intermediate: (good) => ({ ...good, subject: distinguishedName('Intel SGX PCK Processor CA') }),
          });
          return [
            { ...forgeCollateral(pki), pck_crl_issuer_chain: pemChain([other.intermediate.der, other.root.der]) },
          ];
        },
      },
    ],
    [
      'a PCK CRL issuer chain under a foreign root',
      {
        collateral: (pki) => {
          const other = forgePki({ now: NOW });
          return [
            { ...forgeCollateral(pki), pck_crl_issuer_chain: pemChain([other.intermediate.der, other.root.der]) },
          ];
        },
      },
    ],
    [
      'a PCK CRL issuer chain in which a foreign root certifies the right key',
      {
        collateral: (pki) => {
          const key = pki.intermediate.key;
          const other = forgePki({ now: NOW, intermediate: (good) => ({ ...good, key }) });
          return [
            { ...forgeCollateral(pki), pck_crl_issuer_chain: pemChain([other.intermediate.der, other.root.der]) },
          ];
        },
      },
    ],
    [
      'a PCK CRL issuer chain that is no PEM',
      { collateral: { after: (good) => ({ ...good, pck_crl_issuer_chain: '-' }) } },
    ],
  ];
  for (const [name, changes] of cases) {
    promise('P7', `${name}: tdx.revocation fails alone`, async () => {
      expect(await notPassed(changes)).toEqual({ failed: ['tdx.revocation'], unavailable: [] });
    });
  }

  const entry =
    (extension: CertificateExtension) =>
    (good: CrlDescription): CrlDescription => ({
      ...good,
      revoked: [{ ...revokedEntry(Uint8Array.of(1), at(-HOUR_MS)), extensions: [extension] }],
    });
  const extension =
    (added: CertificateExtension) =>
    (good: CrlDescription): CrlDescription => ({
      ...good,
      extensions: withExtension(good.extensions, added),
    });
  const faults: readonly [name: string, change: (good: CrlDescription) => CrlDescription][] = [
    ['signed by a stranger', (good) => ({ ...good, signer: generateKeyPair() })],
    ['expired a second ago', (good) => ({ ...good, nextUpdate: at(-1000) })],
    ['of the future', (good) => ({ ...good, thisUpdate: at(1000) })],
    ['without an end', (good) => ({ ...good, nextUpdate: undefined })],
    ['of version 1', (good) => ({ ...good, version: 1, extensions: [], revoked: [] })],
    ['of version 3', (good) => ({ ...good, version: 3 })],
    ['without extensions', (good) => ({ ...good, extensions: [] })],
    ['of another algorithm', (good) => ({ ...good, signatureAlgorithm: '1.2.840.10045.4.3.3' })],
    ['with an unknown critical extension', extension(unknownCritical)],
    ['that is a delta', extension({ oid: '2.5.29.27', critical: true, value: Uint8Array.of(2, 1, 1) })],
    ['that is partial', extension({ oid: '2.5.29.28', critical: false, value: Uint8Array.of(0x30, 0) })],
    ['with an unknown critical extension in an entry', entry(unknownCritical)],
    ['with an entry to remove', entry({ oid: '2.5.29.21', critical: false, value: Uint8Array.of(10, 1, 8) })],
    ['with an entry of another issuer', entry({ oid: '2.5.29.29', critical: false, value: Uint8Array.of(0x30, 0) })],
  ];
  for (const [name, change] of faults) {
    for (const which of ['rootCrl', 'pckCrl'] as const) {
      promise('P7', `${which} ${name}: tdx.revocation fails alone`, async () => {
        expect(await notPassed({ collateral: { [which]: change } })).toEqual({
          failed: ['tdx.revocation'],
          unavailable: [],
        });
      });
    }
  }

  test('revoked certificates are named', async () => {
    const outcome = await verifyForged({ collateral: { pckCrl: revoking('pck') } });
    expect(checkOf(outcome, 'tdx.revocation').actual).toMatch(/^Intel SGX PCK Certificate \(serial [0-9a-f]+\)$/);
  });

  promise('P7', 'lists in force until the next second pass', async () => {
    const nextUpdate = at(1000);
    const outcome = await verifyForged({
      collateral: { pckCrl: (good) => ({ ...good, nextUpdate }), rootCrl: (good) => ({ ...good, nextUpdate }) },
    });
    expect(deciding(outcome)).toBeUndefined();
  });

  promise('P7', "without a PCK CRL issuer chain, the quote's own serves", async () => {
    const outcome = await verifyForged({ collateral: { after: (good) => ({ ...good, pck_crl_issuer_chain: '' }) } });
    expect(deciding(outcome)).toBeUndefined();
  });

  const waived: readonly [name: string, changes: Changes][] = [
    ['good lists', {}],
    ['unreadable lists', { collateral: { after: (good) => ({ ...good, pck_crl: '00' }) } }],
    ['stale lists', { collateral: { pckCrl: (good) => ({ ...good, nextUpdate: at(-1000) }) } }],
  ];
  for (const [name, changes] of waived) {
    promise('P7', `where the policy waives revocation, ${name} are waived, not passed`, async () => {
      const outcome = await verifyForged({ ...changes, policy: { revocation: 'any' } });
      expect(checkOf(outcome, 'tdx.revocation').status).toBe('waived');
      expect(deciding(outcome)).toBeUndefined();
    });
  }

  promise('P7', 'where the policy waives revocation, a certificate on a good list still fails', async () => {
    const outcome = await verifyForged({ collateral: { pckCrl: revoking('pck') }, policy: { revocation: 'any' } });
    expect(idsOf(outcome, 'failed')).toEqual(['tdx.revocation']);
  });

  promise('P7', 'where the policy waives revocation and there is no collateral, it is waived', async () => {
    const outcome = await verifyForged({ collateral: () => [], policy: { revocation: 'any' } });
    expect(checkOf(outcome, 'tdx.revocation').status).toBe('waived');
    expect(deciding(outcome)).toMatchObject({ id: 'tdx.tcb-status', status: 'unavailable' });
  });
});
