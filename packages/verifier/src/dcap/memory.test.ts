/**
 * Endorsements that were good once are judged again when any one part of them is no longer in force,
 * and under no other authority than the one under which they were good.
 *
 * @module
 */
import type { DcapCollateral } from '@vitrine/documents';
import {
  type CollateralChanges,
  type ForgedPki,
  forgeCollateral,
  forgePki,
  forgeQuote,
  type PkiChanges,
  pemChain,
} from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { verifyTdx } from '../tdx/verify-tdx.ts';
import { anchorOf, idsOf, NOW, POLICY } from '../testing/forged.ts';
import { type Certificate, parseCertificate } from '../x509/certificate.ts';
import type { Chain } from '../x509/chain.ts';
import { authenticateEndorsements } from './endorsements.ts';
import type { TcbInfo } from './tcb-info.ts';

const DAY_MS = 86_400_000;
const at = (days: number): Date => new Date(NOW.getTime() + days * DAY_MS);
const pcsTime = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;

async function failed(pki: ForgedPki, quote: Uint8Array<ArrayBuffer>, collateral: DcapCollateral, now: Date) {
  const anchors = [anchorOf(pki)];
  return idsOf(
    await verifyTdx(quote, { collateral: [collateral], fetched: [], anchors, policy: POLICY, now }),
    'failed',
  );
}

describe('endorsements that were good', () => {
  const ends: readonly [what: string, check: string, collateral: CollateralChanges, pki?: PkiChanges][] = [
    ['TCB info', 'tdx.tcb-info', { tcbInfo: (good) => ({ ...good, nextUpdate: pcsTime(at(1)) }) }],
    ['QE identity', 'tdx.qe-identity', { qeIdentity: (good) => ({ ...good, nextUpdate: pcsTime(at(1)) }) }],
    ['the root list', 'tdx.revocation', { rootCrl: (good) => ({ ...good, nextUpdate: at(1) }) }],
    ['the PCK list', 'tdx.revocation', { pckCrl: (good) => ({ ...good, nextUpdate: at(1) }) }],
    ['the signing certificate', 'tdx.tcb-info', {}, { tcbSigning: (good) => ({ ...good, notAfter: at(1) }) }],
  ];
  for (const [what, check, changes, pkiChanges = {}] of ends) {
    promise('P7', `are refused once ${what} is over, and accepted up to then`, async () => {
      const pki = forgePki({ now: NOW, ...pkiChanges });
      const [quote, collateral] = [forgeQuote(pki), forgeCollateral(pki, changes)];
      for (const days of [0, 1]) expect(await failed(pki, quote, collateral, at(days))).toEqual([]);
      expect(await failed(pki, quote, collateral, at(1.01))).toContain(check);
      expect(await failed(pki, quote, collateral, at(0))).toEqual([]);
    });
  }

  promise('P7', 'are refused under another intermediate of the same root', async () => {
    const pki = forgePki({ now: NOW });
    const other = forgePki({
      now: NOW,
      intermediate: (good) => ({ ...good, signer: pki.root.key }),
      platform: pki.platform,
    });
    const collateral = { ...forgeCollateral(pki), pck_crl_issuer_chain: '' };
    expect(await failed(pki, forgeQuote(pki), collateral, NOW)).toEqual([]);
    const quote = forgeQuote(other, { chain: [other.pck.der, other.intermediate.der, pki.root.der] });
    expect(await failed(pki, quote, collateral, NOW)).toEqual(['tdx.revocation']);
    expect(await failed(pki, quote, { ...forgeCollateral(pki) }, NOW)).toEqual(['tdx.revocation']);
  });
});

describe('what is remembered', () => {
  const parse = (der: Uint8Array): Certificate => parseCertificate(Uint8Array.from(der), 'certificate');
  const chainOf = ({ pck, intermediate, root }: ForgedPki): Chain => [
    parse(pck.der),
    parse(intermediate.der),
    parse(root.der),
  ];
  /** The same object where the texts were not read again. */
  const read = async (collateral: DcapCollateral, chain: Chain, now: Date = NOW): Promise<TcbInfo> => {
    const { tcbInfo } = await authenticateEndorsements(collateral, chain, now);
    if (!tcbInfo.ok) throw tcbInfo.refusal;
    return tcbInfo.value;
  };

  promise('P7', 'is not read again: equal texts under equal authorities, whichever the leaf', async () => {
    for (const issuerChain of [{}, { pck_crl_issuer_chain: '' }]) {
      const pki = forgePki({ now: NOW, pck: (good) => ({ ...good, notAfter: at(1) }) });
      const collateral = { ...forgeCollateral(pki), ...issuerChain };
      const chain = chainOf(pki);
      const first = await read(collateral, chain);
      expect(await read(collateral, chain)).toBe(first);
      expect(await read({ ...collateral }, chainOf(pki))).toBe(first);
      const [, ...authorities] = chain;
      const otherLeaf: Chain = [parse(pki.tcbSigning.der), ...authorities];
      expect(await read(collateral, otherLeaf)).toBe(first);
      expect(await read(collateral, otherLeaf, at(2))).toBe(first);
    }
  });

  promise('P7', 'is read again where a text differs, or was not good in all parts', async () => {
    const pki = forgePki({ now: NOW });
    const [chain, collateral] = [chainOf(pki), forgeCollateral(pki)];
    const first = await read(collateral, chain);
    const spelled = { ...collateral, pck_crl_issuer_chain: `${collateral.pck_crl_issuer_chain}\n` };
    expect(await read(spelled, chain)).not.toBe(first);
    const bad = { ...forgeCollateral(pki), pck_crl: '00' };
    expect(await read(bad, chain)).not.toBe(await read(bad, chain));
  });

  promise('P7', 'is read again where there are more authorities', async () => {
    const pki = forgePki({ now: NOW });
    const [chain, collateral] = [chainOf(pki), forgeCollateral(pki)];
    const first = await read(collateral, chain);
    expect(await read(collateral, [...chain, parse(pki.root.der)])).not.toBe(first);
  });

  promise('P7', 'is nothing that another certificate of the same authority vouched for', async () => {
    const pki = forgePki({ now: NOW });
    const { intermediate } = forgePki({
      now: NOW,
      intermediate: (good) => ({ ...good, key: pki.intermediate.key, signer: pki.root.key }),
    });
    const collateral = {
      ...forgeCollateral(pki),
      pck_crl_issuer_chain: pemChain([intermediate.der, pki.root.der]),
    };
    const chain = chainOf(pki);
    const { revocation } = await authenticateEndorsements(collateral, chain, NOW);
    expect(revocation).toEqual({ revoked: [] });
    expect(await read(collateral, chain)).not.toBe(await read(collateral, chain));
  });

  promise('P7', 'does not matter in the first and the last moment of a text', async () => {
    const pki = forgePki({ now: NOW });
    const times = { issueDate: pcsTime(NOW), nextUpdate: pcsTime(at(1)) };
    const fresh = () => forgeCollateral(pki, { tcbInfo: (good) => ({ ...good, ...times }) });
    for (const now of [NOW, at(1)]) expect((await read(fresh(), chainOf(pki), now)).nextUpdate).toEqual(at(1));
  });
});
