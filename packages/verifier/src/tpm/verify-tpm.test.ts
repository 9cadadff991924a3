import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { Check, CheckStatus } from '../result.ts';
import type { HardwareOutcome } from '../technology.ts';
import {
  ECDSA_KEY,
  forgeTpm,
  OTHER_ECDSA_KEY,
  OTHER_RSA_KEY,
  PCR_VALUES,
  RSA_KEY,
  SHA256,
  TPM_NONCE,
  TPM_POLICY,
  verifyForgedTpm,
} from '../testing/forged-tpm.ts';
import { TPM_CHECKS } from './checks.ts';
import { verifyTpm } from './verify-tpm.ts';

type Changes = Parameters<typeof verifyForgedTpm>[0];

function deciding({ checks }: HardwareOutcome): Check | undefined {
  return checks.find(({ status }) => status === 'failed') ?? checks.find(({ status }) => status === 'unavailable');
}

function idsOf({ checks }: HardwareOutcome, status: CheckStatus): readonly string[] {
  return checks.filter((check) => check.status === status).map(({ id }) => id);
}

const flip = (bytes: Uint8Array, index: number): Uint8Array<ArrayBuffer> => {
  const changed = Uint8Array.from(bytes);
  changed[index] = (changed[index] ?? 0) ^ 1;
  return changed;
};

const value = (index: number): string => PCR_VALUES[index] ?? '';
/** Values in the file, of which one is another than was hashed. */
const withValue = (index: number, other: string): readonly string[] =>
  PCR_VALUES.map((one, at) => (at === index ? other : one));
/** The form that has values of registers, with the policy that asks for all of it. */
const DEMANDING = {
  form: 'hex',
  expectedNonce: TPM_NONCE,
  policy: {
    pcrSelection: [0, 7],
    pcrs: { pcr0: [value(0)], pcr7: [value(1), value(7)] },
    nonce: 'required',
    clock: 'safe',
  },
} as const;

describe('a good quote', () => {
  test('passes every check where the policy demands all of it, in the documented order', async () => {
    const outcome = await verifyForgedTpm(DEMANDING);
    expect(outcome.checks.map(({ id }) => id)).toEqual(TPM_CHECKS.map(({ id }) => id));
    expect(idsOf(outcome, 'passed')).toEqual(TPM_CHECKS.map(({ id }) => id));
    expect(outcome.unverified).toEqual({});
  });

  promise('P7', 'stands on the word of the caller, which never makes it more than simulated', async () => {
    for (const form of ['binary', 'hex', 'keyed', 'pub'] as const) {
      const outcome = await verifyForgedTpm({ form });
      expect(deciding(outcome)).toBeUndefined();
      expect(outcome.anchor).toEqual({ name: 'tpm-ak', simulator: true });
    }
  });

  test('its claims are the covered registers alone, the nonce as report data, and the clock', async () => {
    const { claims } = await verifyForgedTpm(DEMANDING);
    expect(claims?.technology).toBe('tpm');
    expect(claims?.reportData).toBe('0102030405060708');
    expect(claims?.registers).toMatchObject({ pcr0: value(0), pcr7: value(7), resetcount: '00000003' });
    expect(claims?.registers).not.toHaveProperty('pcr8');
    expect(claims?.platform).toEqual({ qualifiedSigner: `000b${'09'.repeat(32)}` });
  });

  promise('P7', 'says nothing about registers that it does not cover, whatever the file says', async () => {
    const { claims } = await verifyForgedTpm({ form: 'hex', pcrs: withValue(8, 'ff'.repeat(32)) });
    expect(claims?.registers).not.toHaveProperty('pcr8');
  });

  test('in a form without values, has none to claim, and none are asked for', async () => {
    const outcome = await verifyForgedTpm({ form: 'pub' });
    expect(idsOf(outcome, 'waived')).toContain('tpm.pcr-digest');
    expect(Object.keys(outcome.claims?.registers ?? {}).filter((name) => /^pcr[0-9]/.test(name))).toEqual([]);
  });

  test('may cover more registers than the policy asks for', async () => {
    const selections = [[SHA256, [0xff, 0xff, 0xff]]] as const;
    expect(deciding(await verifyForgedTpm({ ...DEMANDING, selections }))).toBeUndefined();
  });
});

describe('each check fails on its own fault', () => {
  const pin = (pcrs: Readonly<Record<string, readonly string[]>>): Changes => ({ form: 'hex', policy: { pcrs } });
  const select = (...selections: readonly (readonly [number, readonly number[]])[]): Changes => ({
    form: 'hex',
    selections,
    policy: { pcrSelection: [0, 7] },
  });
  const faults: readonly [check: string, fault: string, changes: Changes][] = [
    ['tpm.ak', 'another RSA key in the file', { form: 'keyed', statedKey: OTHER_RSA_KEY }],
    ['tpm.ak', 'another P-256 key in the file', { form: 'pub', statedKey: OTHER_ECDSA_KEY }],
    ['tpm.ak', 'a key of another kind in the file', { form: 'keyed', statedKey: ECDSA_KEY }],
    ['tpm.ak', 'a quote by a key of its own', { form: 'keyed', key: OTHER_RSA_KEY, trusted: RSA_KEY }],
    ['tpm.signature', 'another RSA key', { key: OTHER_RSA_KEY, trusted: RSA_KEY }],
    ['tpm.signature', 'another P-256 key', { key: OTHER_ECDSA_KEY, trusted: ECDSA_KEY }],
    ['tpm.signature', 'RSA where the key is P-256', { trusted: ECDSA_KEY }],
    ['tpm.signature', 'ECDSA where the key is RSA', { key: ECDSA_KEY, trusted: RSA_KEY }],
    ['tpm.signature', 'one bit of an RSA signature', { signature: (bytes) => flip(bytes, 255) }],
    ['tpm.signature', 'an RSA signature one byte short', { signature: (bytes) => bytes.slice(1) }],
    ['tpm.signature', 'one bit of r', { key: ECDSA_KEY, signature: (bytes) => flip(bytes, 0) }],
    ['tpm.signature', 'one bit of s', { key: ECDSA_KEY, signature: (bytes) => flip(bytes, 63) }],
    ['tpm.signature', 'zeros', { key: ECDSA_KEY, signature: () => new Uint8Array(64) }],
    ['tpm.signature', 'a signature of nothing', { form: 'hex', signature: () => Uint8Array.of(1) }],
    ['tpm.pcr-digest', 'another value of a covered register', { form: 'hex', pcrs: withValue(3, value(4)) }],
    ['tpm.pcr-digest', 'one bit of a value', { form: 'keyed', pcrs: withValue(7, `01${value(7).slice(2)}`) }],
    ['tpm.pcr-digest', 'two values exchanged', { form: 'hex', pcrs: [value(1), value(0), ...PCR_VALUES.slice(2)] }],
    ['tpm.pcr-digest', 'another digest', { form: 'hex', pcrDigest: new Uint8Array(32) }],
    ['tpm.pcr-digest', 'a digest cut short', { form: 'hex', pcrDigest: new Uint8Array(31) }],
    ['tpm.pcr-digest', 'no digest', { form: 'hex', pcrDigest: new Uint8Array() }],
    ['tpm.pcr-digest', 'a register that no file has', { form: 'hex', selections: [[SHA256, [0, 0, 0, 1]]] }],
    ['tpm.pcr-selection', 'a part of the registers', select([SHA256, [0x7f, 0, 0]])],
    ['tpm.pcr-selection', 'none of the registers', select([SHA256, [0, 0, 0]])],
    ['tpm.pcr-selection', 'no bank', select()],
    ['tpm.pcr-selection', 'two banks', select([SHA256, [0xff]], [0x000c, []])],
    ['tpm.pcrs', 'another value', pin({ pcr0: [value(1)] })],
    ['tpm.pcrs', 'one of two registers with another value', pin({ pcr0: [value(0)], pcr1: [value(2)] })],
    ['tpm.pcrs', 'a register that the quote does not cover', pin({ pcr8: [value(8)] })],
    ['tpm.nonce', 'another nonce', { expectedNonce: Uint8Array.of(8, 7, 6, 5, 4, 3, 2, 1) }],
    ['tpm.nonce', 'a beginning of the nonce', { expectedNonce: TPM_NONCE.slice(0, 7) }],
    ['tpm.nonce', 'a nonce with zeros behind it', { expectedNonce: Uint8Array.from([...TPM_NONCE, 0]) }],
    ['tpm.nonce', 'no nonce in the quote', { extraData: new Uint8Array(), expectedNonce: TPM_NONCE }],
    [
      'tpm.nonce',
      'an empty nonce, which everything would equal',
      { extraData: new Uint8Array(), expectedNonce: new Uint8Array() },
    ],
    ['tpm.clock', 'a clock that is not safe', { safe: 0 }],
  ];
  for (const [check, fault, changes] of faults) {
    promise('P7', `${check}: ${fault}`, async () => {
      const outcome = await verifyForgedTpm(changes);
      expect(deciding(outcome)).toMatchObject({ id: check, status: 'failed' });
      expect(idsOf(outcome, 'failed')).toEqual([check]);
      const authenticated = !['tpm.ak', 'tpm.signature', 'tpm.pcr-digest'].includes(check);
      expect(outcome.claims !== undefined).toBe(authenticated);
      expect(Object.keys(outcome.unverified).length > 0).toBe(!authenticated);
    });
  }

  for (const form of ['binary', 'keyed', 'pub'] as const) {
    promise(
      'P7',
      `tpm.ak: no key is given, so nothing is decided, also where the file brings one: ${form}`,
      async () => {
        const outcome = await verifyForgedTpm({ form, trusted: 'none' });
        expect(deciding(outcome)).toMatchObject({ id: 'tpm.ak', status: 'unavailable' });
        expect(idsOf(outcome, 'passed')).toEqual(['tpm.format', 'tpm.magic']);
        expect(outcome).not.toHaveProperty('claims');
        expect(outcome).not.toHaveProperty('anchor');
      },
    );
  }

  promise('P7', 'tpm.nonce: asked for and not given, decides nothing', async () => {
    const outcome = await verifyForgedTpm({ policy: { nonce: 'required' } });
    expect(deciding(outcome)).toMatchObject({ id: 'tpm.nonce', status: 'unavailable' });
  });

  promise('P7', 'tpm.pcr-digest: values that are asked for and are not there decide nothing', async () => {
    const pcrs = { pcr0: [value(0)] };
    for (const changes of [
      { form: 'pub', policy: { pcrs } },
      { form: 'hex', selections: [[0x000c, [1, 0, 0]]], policy: { pcrs } },
    ] as const) {
      const outcome = await verifyForgedTpm(changes);
      expect(deciding(outcome)).toMatchObject({ id: 'tpm.pcr-digest', status: 'unavailable' });
    }
  });

  promise('P7', 'everything that a policy may waive is waived by `any` and named', async () => {
    const outcome = await verifyForgedTpm({ safe: 0, policy: { clock: 'any' } });
    expect(idsOf(outcome, 'waived')).toEqual([
      'tpm.pcr-digest',
      'tpm.pcr-selection',
      'tpm.pcrs',
      'tpm.nonce',
      'tpm.clock',
    ]);
    expect(deciding(outcome)).toBeUndefined();
  });
});

promise('P7', 'a sample of single-bit changes of a quote never verifies', async () => {
  for (const [key, step] of [
    [RSA_KEY, 3],
    [ECDSA_KEY, 2],
  ] as const) {
    const good = forgeTpm({ key });
    for (let position = 0; position < good.length; position += step) {
      const changed = Uint8Array.from(good);
      changed[position] = (changed[position] ?? 0) ^ (1 << (position % 8));
      const accepted = await verifyTpm(changed, { policy: TPM_POLICY, ak: key.trusted }).then(
        (outcome) => deciding(outcome) === undefined,
        () => false,
      );
      expect(accepted ? position : undefined).toBeUndefined();
    }
  }
});
