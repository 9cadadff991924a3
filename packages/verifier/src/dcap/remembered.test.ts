/**
 * What was verified before changes no verdict: every fault is found after the good original was
 * accepted, and what depends on time, leaf, root or policy is judged anew.
 *
 * @module
 */
import type { DcapCollateral } from '@vitrine/documents';
import { type ForgedPki, forgeCollateral, forgePki, forgeQuote, pemChain, revoking } from '@vitrine/simulator/faults';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { TdxPolicy } from '../tdx/policy.ts';
import { verifyTdx } from '../tdx/verify-tdx.ts';
import { anchorOf, deciding, idsOf, NOW, POLICY } from '../testing/forged.ts';
import { commonValidity, inForceAt, remember } from './remembered.ts';

const DAY_MS = 86_400_000;

interface Case {
  readonly pki: ForgedPki;
  readonly quote: Uint8Array<ArrayBuffer>;
  readonly collateral: DcapCollateral;
}

/** Evidence that was accepted twice, so that everything of it that can be is remembered. */
async function known(): Promise<Case> {
  const pki = forgePki({ now: NOW });
  const one: Case = { pki, quote: forgeQuote(pki), collateral: forgeCollateral(pki) };
  for (let round = 0; round < 2; round++) expect(deciding(await judge(one))).toBeUndefined();
  return one;
}

function judge({ pki, quote, collateral }: Case, now: Date = NOW, policy: Partial<TdxPolicy> = {}) {
  return verifyTdx(quote, {
    collateral: [collateral],
    fetched: [],
    anchors: [anchorOf(pki)],
    policy: { ...POLICY, ...policy },
    now,
  });
}

describe('evidence that was accepted before', () => {
  promise('P7', 'is refused with any text of its endorsements changed', async () => {
    const one = await known();
    for (const name of Object.keys(one.collateral) as (keyof DcapCollateral)[]) {
      const text = one.collateral[name];
      const middle = Math.floor(text.length / 2);
      const changed = `${text.slice(0, middle)}${text[middle] === '1' ? '2' : '1'}${text.slice(middle + 1)}`;
      const outcome = await judge({ ...one, collateral: { ...one.collateral, [name]: changed } });
      expect([name, idsOf(outcome, 'failed').length > 0]).toEqual([name, true]);
      expect(deciding(await judge(one))).toBeUndefined();
    }
  });

  promise('P7', 'is refused when the object that was accepted is changed in place', async () => {
    const one = await known();
    Object.assign(one.collateral, { pck_crl: '00' });
    expect(idsOf(await judge(one), 'failed')).toEqual(['tdx.revocation']);
  });

  const times: readonly [name: string, days: number, failed: readonly string[]][] = [
    ['a month later', 31, ['tdx.tcb-info', 'tdx.qe-identity', 'tdx.revocation']],
    ['ten years later', 3650, ['tdx.pck-chain']],
    ['before it was issued', -0.5, ['tdx.tcb-info', 'tdx.qe-identity', 'tdx.revocation']],
    ['before its certificates', -2, ['tdx.pck-chain']],
  ];
  for (const [name, days, failed] of times) {
    promise('P7', `is refused ${name}`, async () => {
      const one = await known();
      expect(idsOf(await judge(one, new Date(NOW.getTime() + days * DAY_MS)), 'failed')).toEqual(failed);
      expect(deciding(await judge(one))).toBeUndefined();
    });
  }

  promise('P7', 'is refused when a newer list revokes its certificate', async () => {
    const one = await known();
    const { pck_crl, root_ca_crl } = forgeCollateral(one.pki, {
      pckCrl: revoking('pck'),
      rootCrl: revoking('tcbSigning'),
    });
    for (const lists of [{ pck_crl }, { root_ca_crl }]) {
      const outcome = await judge({ ...one, collateral: { ...one.collateral, ...lists } });
      expect(idsOf(outcome, 'failed')).toEqual(['tdx.revocation']);
    }
  });

  promise('P7', 'says nothing about another certificate under the same authority that is revoked', async () => {
    const pki = forgePki({ now: NOW });
    const other = forgePki({
      now: NOW,
      root: (good) => ({ ...good, key: pki.root.key, signer: pki.root.key }),
      intermediate: (good) => ({ ...good, key: pki.intermediate.key, signer: pki.root.key }),
      pck: (good) => ({ ...good, signer: pki.intermediate.key }),
      platform: pki.platform,
    });
    const collateral = {
      ...forgeCollateral(pki, {
        pckCrl: (good) => ({ ...good, revoked: [...revoking('pck')(good, other).revoked] }),
      }),
      pck_crl_issuer_chain: '',
    };
    const chain = [pki.intermediate.der, pki.root.der];
    expect(deciding(await judge({ pki, quote: forgeQuote(pki), collateral }))).toBeUndefined();
    const quote = forgeQuote(other, { chain: [other.pck.der, ...chain] });
    expect(idsOf(await judge({ pki, quote, collateral }), 'failed')).toEqual(['tdx.revocation']);
  });

  promise('P7', 'is not trusted under another root, nor its endorsements for another chain', async () => {
    const one = await known();
    const other = await known();
    expect(idsOf(await judge({ ...one, pki: other.pki }), 'failed')).toEqual(['tdx.pck-chain']);
    const crossed = await judge({ ...other, collateral: one.collateral });
    expect(idsOf(crossed, 'failed')).toEqual(['tdx.tcb-info', 'tdx.qe-identity', 'tdx.revocation']);
  });

  promise('P7', 'is judged by the policy of each time', async () => {
    const one = await known();
    expect(idsOf(await judge(one, NOW, { minimumTcbEvaluationDataNumber: 1000 }), 'failed')).toContain('tdx.tcb-info');
    expect(idsOf(await judge(one, NOW, { platforms: ['ab'.repeat(16)] }), 'failed')).toEqual(['tdx.platform']);
  });

  promise('P7', 'that was refused stays refused, and a good text is accepted afterwards', async () => {
    const pki = forgePki({ now: NOW });
    const quote = forgeQuote(pki);
    const bad = forgeCollateral(pki, { after: (good) => ({ ...good, pck_crl: '00' }) });
    const good = { ...bad, pck_crl: forgeCollateral(pki).pck_crl };
    for (let round = 0; round < 2; round++) {
      expect(idsOf(await judge({ pki, quote, collateral: bad }), 'failed')).toEqual(['tdx.revocation']);
      expect(deciding(await judge({ pki, quote, collateral: good }))).toBeUndefined();
    }
  });

  promise('P7', 'with the issuer chain in another spelling is read anew', async () => {
    const one = await known();
    const { intermediate, root } = one.pki;
    const spelled = { ...one.collateral, pck_crl_issuer_chain: `${pemChain([intermediate.der, root.der])}\n` };
    expect(deciding(await judge({ ...one, collateral: spelled }))).toBeUndefined();
  });
});

describe('the memory', () => {
  test('forgets the oldest beyond its limit', () => {
    const memory = new Map<string, number>();
    for (let index = 0; index < 5; index++) remember(memory, `key ${index}`, index, 3);
    remember(memory, 'key 4', 40, 3);
    expect([...memory]).toEqual([
      ['key 2', 2],
      ['key 3', 3],
      ['key 4', 40],
    ]);
  });

  test('counts both ends of a time in force', () => {
    const at = (ms: number): Date => new Date(ms);
    const validity = commonValidity([
      [at(0), at(10)],
      [at(5), at(20)],
    ]);
    expect(validity).toEqual({ from: 5, until: 10 });
    expect([4, 5, 10, 11].map((ms) => inForceAt(validity, at(ms)))).toEqual([false, true, true, false]);
  });
});
