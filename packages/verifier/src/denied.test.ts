import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type DenyList, denyListSigned } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { appraiseDenied, type DeniedSubject, deniedPolicyShape, goodSigners, isSignedBy } from './denied.ts';

interface Issuer {
  readonly key: string;
  readonly privateKey: KeyObject;
}

function issuer(): Issuer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { x = '' } = publicKey.export({ format: 'jwk' });
  return { key: Buffer.from(x, 'base64url').toString('hex'), privateKey };
}

const [ADA, BOB, EVE] = [issuer(), issuer(), issuer()];
const KEYS = [ADA.key, BOB.key];

const EMPTY: DenyList = {
  type: 'vitrine/deny-list/v1',
  name: 'vendor',
  number: 7,
  issued: '2026-11-20T09:00:00Z',
  denied: [],
  minimum: [],
  signatures: [],
};

function signed(changes: Partial<DenyList>, ...signers: readonly Issuer[]): DenyList {
  const list = { ...EMPTY, ...changes };
  const signatures = signers.map(({ key, privateKey }) => ({
    key,
    signature: sign(null, denyListSigned(list), privateKey).toString('base64url'),
  }));
  return { ...list, signatures };
}

const DIGEST = 'ab'.repeat(48);
const SUBJECT: DeniedSubject = {
  technology: 'tdx',
  registers: { mrtd: '11'.repeat(48), rtmr0: '22'.repeat(48) },
  manifest: { digest: DIGEST, name: 'notes', number: 4 },
};
const RAW: DeniedSubject = { technology: 'tdx', registers: SUBJECT.registers };
const DEMAND = { keys: KEYS, threshold: 2, minNumber: 7 };

const status = async (
  list: Partial<DenyList>,
  subject: DeniedSubject = SUBJECT,
): Promise<readonly [string, string | undefined]> => {
  const check = await appraiseDenied('any', subject, [signed(list, ADA)]);
  expect(check.id).toBe('workload.denied');
  return [check.status, check.actual];
};

promise('P2', 'a manifest that a list denies is refused, and no other', async () => {
  expect(await status({ denied: [{ manifest: DIGEST }] })).toEqual(['failed', DIGEST]);
  expect(await status({ denied: [{ manifest: 'ac'.repeat(48) }] })).toEqual(['passed', undefined]);
});

promise('P2', 'an image is denied where all registers are as named, on that technology', async () => {
  const registers = { mrtd: '11'.repeat(48), rtmr0: '22'.repeat(48) };
  expect((await status({ denied: [{ technology: 'tdx', registers }] }))[0]).toBe('failed');
  expect((await status({ denied: [{ technology: 'tdx', registers }] }, RAW))[0]).toBe('failed');
  for (const other of [
    { technology: 'snp', registers },
    { technology: 'tdx', registers: { ...registers, rtmr0: '23'.repeat(48) } },
    { technology: 'tdx', registers: { ...registers, pcr0: '00'.repeat(32) } },
  ]) {
    expect((await status({ denied: [other] }))[0]).toBe('passed');
  }
});

promise('P2', 'an application is denied below a number, by either way to say it', async () => {
  expect(await status({ denied: [{ application: 'notes', below: 5 }] })).toEqual(['failed', 'number 4']);
  expect(await status({ denied: [{ application: 'notes', below: 4 }] })).toEqual(['passed', undefined]);
  expect(await status({ denied: [{ application: 'mail', below: 9 }] })).toEqual(['passed', undefined]);
  expect(await status({ minimum: [{ application: 'notes', number: 5 }] })).toEqual(['failed', 'number 4']);
  expect(await status({ minimum: [{ application: 'notes', number: 4 }] })).toEqual(['passed', undefined]);
  expect(await status({ minimum: [{ application: 'mail', number: 9 }] })).toEqual(['passed', undefined]);
});

promise('P2', 'a denial names list, number and reason, and needs no signature', async () => {
  const list = { ...EMPTY, denied: [{ manifest: DIGEST, reason: 'logs what it is asked' }] };
  expect(await appraiseDenied('any', SUBJECT, [EMPTY, list])).toMatchObject({
    status: 'failed',
    message: 'What runs is denied by the deny-list "vendor" number 7: logs what it is asked.',
  });
});

promise('P2', 'a denial counts before a demand that nothing meets', async () => {
  const list = signed({ number: 1, denied: [{ manifest: DIGEST }] }, EVE);
  expect((await appraiseDenied(DEMAND, SUBJECT, [list])).status).toBe('failed');
});

promise('P2', 'a demand is met by a new enough list with enough signatures, and by nothing less', async () => {
  const of = async (...lists: readonly DenyList[]): Promise<string> =>
    (await appraiseDenied(DEMAND, SUBJECT, lists)).status;
  const good = signed({}, ADA, BOB);
  expect(await of(good)).toBe('passed');
  expect(await of(signed({ number: 6 }, ADA, BOB), good)).toBe('passed');
  expect(await of()).toBe('unavailable');
  expect(await of(signed({ number: 6 }, ADA, BOB))).toBe('unavailable');
  expect(await of(signed({}, ADA))).toBe('unavailable');
  expect(await of(signed({}, ADA, ADA))).toBe('unavailable');
  expect(await of(signed({}, ADA, EVE))).toBe('unavailable');
  expect(await of({ ...good, number: 8 })).toBe('unavailable');
  expect(await of({ ...good, minimum: [{ application: 'mail', number: 1 }] })).toBe('unavailable');
  expect(await of(signed({}, ADA), signed({}, BOB))).toBe('unavailable');
  const [first, second] = good.signatures;
  if (first === undefined || second === undefined) throw new Error('two signatures');
  const swapped = [
    { ...first, signature: second.signature },
    { ...second, signature: first.signature },
  ];
  expect(await of({ ...good, signatures: swapped })).toBe('unavailable');
});

promise('P2', 'what is at hand but not new enough is named', async () => {
  const old = await appraiseDenied(DEMAND, SUBJECT, [signed({ number: 6 }, ADA, BOB)]);
  expect(old.message).toContain('the newest at hand is number 6');
  expect((await appraiseDenied(DEMAND, SUBJECT, [])).message).toContain('vitrine pins deny FILE');
});

promise('P2', 'without a list and a demand nothing is said to be good', async () => {
  expect((await appraiseDenied('any', SUBJECT, [])).status).toBe('waived');
  expect((await appraiseDenied('any', RAW, [EMPTY])).status).toBe('waived');
  expect((await appraiseDenied(DEMAND, RAW, [signed({}, ADA, BOB)])).status).toBe('unavailable');
});

promise('P2', 'signatures count once for each key, and only good ones', async () => {
  const list = signed({}, ADA, ADA, EVE);
  expect(await isSignedBy(list, { keys: KEYS, threshold: 1 })).toBe(true);
  expect(await isSignedBy(list, { keys: KEYS, threshold: 2 })).toBe(false);
  const zero = { key: '00'.repeat(32), signature: 'A'.repeat(86) };
  const loose = { key: ADA.key, signature: `${'A'.repeat(85)}B` };
  expect(await goodSigners({ ...EMPTY, signatures: [loose] })).toEqual([]);
  expect(await goodSigners({ ...list, signatures: [...list.signatures, { ...zero, key: 'ff'.repeat(32) }] })).toEqual([
    ADA.key,
    ADA.key,
    EVE.key,
  ]);
});

promise('P2', 'a demand that cannot be met, or says nothing, is no policy', () => {
  expect(deniedPolicyShape.parse('any').ok).toBe(true);
  expect(deniedPolicyShape.parse(DEMAND).ok).toBe(true);
  for (const bad of [
    'none',
    'required',
    undefined,
    {},
    { ...DEMAND, keys: [] },
    { ...DEMAND, keys: ['AB'.repeat(32)] },
    { ...DEMAND, keys: [ADA.key, ADA.key] },
    { ...DEMAND, threshold: 3 },
    { ...DEMAND, threshold: 0 },
    { ...DEMAND, minNumber: 0 },
    { keys: KEYS, threshold: 1 },
    { ...DEMAND, more: 1 },
  ]) {
    expect(deniedPolicyShape.parse(bad).ok, JSON.stringify(bad)).toBe(false);
  }
});
