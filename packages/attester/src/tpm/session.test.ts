/** Sessions: derivations against values made by other programs, and what somebody on the bus sees and can change. */
import { randomBytes } from 'node:crypto';
import { concatBytes, fromHex, sameBytes, toHex } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { flush, flushedAfter } from './flush.ts';
import { pcrPolicy, policyDigest, policyPcr } from './policy.ts';
import { withStorageKey } from './primary-keys.ts';
import { readPcrs } from './registers.ts';
import { createObject, derive, unseal, withObject } from './sealed-object.ts';
import { startSession } from './session.ts';
import { decryptParameter, encryptParameter, kdfa, kdfe } from './session-crypto.ts';
import { TpmAlg } from './structures.ts';
import { Code, codeOf, flipping, tapped } from './testing/bus.ts';
import { useTestTpm } from './testing/fresh-tpm.ts';
import type { TpmTransport } from './transport.ts';
import type { Bytes } from './wire.ts';

const tpm = useTestTpm();
const filled = (length: number, value: number): Bytes => new Uint8Array(length).fill(value);
const KEY = Uint8Array.from({ length: 32 }, (_, index) => index);
const TEXT = new TextEncoder().encode('thirty-two bytes of plain secret');
const LABEL = new TextEncoder().encode('a label that is no secret');

test('keys are derived as the specification says (values made with Python)', () => {
  expect(toHex(kdfa(KEY, 'ATH', filled(32, 0xaa), filled(32, 0xbb)))).toBe(
    'bb9b7f11a0bf57417f1322938de626ef68b0c8ec03dada9edc924d577c909845',
  );
  expect(toHex(kdfe(KEY, 'SECRET', filled(32, 0xaa), filled(32, 0xbb)))).toBe(
    '08fc920f9d3033e952b0e3490a04acb53ef7324548e744107218611d224bb249',
  );
});

test('parameters are encrypted with AES-128-CFB (value made with OpenSSL)', () => {
  const encrypted = encryptParameter(KEY, filled(16, 1), filled(16, 2), TEXT);
  expect(toHex(encrypted)).toBe('8b7c5acf22528a1d41ca30995ac802ec5d4d01784a22f90e4aedcbc8ab111c29');
  expect(encrypted).toEqual(fromHex('8b7c5acf22528a1d41ca30995ac802ec5d4d01784a22f90e4aedcbc8ab111c29'));
  expect(decryptParameter(KEY, filled(16, 1), filled(16, 2), encrypted)).toEqual(TEXT);
});

interface Outcome {
  readonly unsealed: Bytes;
  readonly derived: Bytes;
}

/** Seals `secret` and a deriving key to PCR 16, and takes both out again. */
async function sealAndUnseal(transport: TpmTransport, secret: Bytes): Promise<Outcome> {
  const policy = pcrPolicy(await readPcrs(transport, TpmAlg.sha256, [16]));
  return withStorageKey(transport, async (parent) => {
    const making = await startSession(transport, parent, 'hmac');
    const [sealed, deriving] = await flushedAfter(transport, making.handle, async () => [
      await createObject(transport, parent, making, policy, secret),
      await createObject(transport, parent, making, policy),
    ]);
    const session = await startSession(transport, parent, 'policy');
    return flushedAfter(transport, session.handle, async () => {
      await policyPcr(transport, session, [16]);
      const unsealed = await withObject(transport, parent, sealed, (handle) => unseal(transport, handle, session));
      await policyPcr(transport, session, [16]);
      const derived = await withObject(transport, parent, deriving, (handle) =>
        derive(transport, handle, session, LABEL),
      );
      return { unsealed, derived };
    });
  });
}

const includes = (seen: readonly Uint8Array[], part: Uint8Array): boolean =>
  seen.some((bytes) => Buffer.from(bytes).includes(Buffer.from(part)));

describe('somebody who listens on the bus', () => {
  promise.unless(
    tpm.missing,
    'P4',
    'sees neither what is sealed, nor what is unsealed, nor what is derived',
    async () => {
      const { transport, seen } = tapped(tpm.transport());
      const secret = Uint8Array.from(randomBytes(32));
      const { unsealed, derived } = await sealAndUnseal(transport, secret);
      expect(sameBytes(unsealed, secret)).toBe(true);
      expect(derived).toHaveLength(32);
      // What is not encrypted is found, so the search works.
      expect(includes(seen, LABEL)).toBe(true);
      for (const part of [unsealed, derived]) {
        expect(includes(seen, part)).toBe(false);
        expect(includes(seen, part.subarray(0, 8))).toBe(false);
      }
    },
  );

  promise.unless(tpm.missing, 'P4', 'sees other bytes each time', async () => {
    const { transport, seen } = tapped(tpm.transport());
    const secret = filled(32, 7);
    await sealAndUnseal(transport, secret);
    const first = seen.splice(0);
    await sealAndUnseal(transport, secret);
    const answers = (all: readonly Uint8Array[]): string[] =>
      all
        .filter((_, place) => place % 2 === 1 && codeOf(all[place - 1] ?? new Uint8Array(10)) === Code.unseal)
        .map((answer) => toHex(answer.subarray(14, 48)));
    expect(answers(first)).toHaveLength(1);
    expect(answers(seen)).toHaveLength(1);
    expect(answers(seen)).not.toEqual(answers(first));
  });
});

describe('somebody who changes an answer on the bus', () => {
  for (const [what, code, fromEnd] of [
    ['the bytes that are unsealed', Code.unseal, 70],
    ['the HMAC over them', Code.unseal, 0],
    ['the nonce', Code.unseal, 40],
    ['the bytes that are derived', Code.hmac, 70],
    ['the object that was made', Code.create, 90],
  ] as const) {
    promise.unless(tpm.missing, 'P4', `is noticed: ${what}`, async () => {
      await expect(sealAndUnseal(flipping(tpm.transport(), code, fromEnd), filled(32, 7))).rejects.toMatchObject({
        code: 'attester.hardware',
        message: expect.stringContaining('HMAC is not that of the session'),
      });
    });
  }

  promise.unless(tpm.missing, 'P4', 'gets no salted session with a key that is not the TPM’s', async () => {
    const error = await withStorageKey(tpm.transport(), async (parent) => {
      const own = { ...parent, xy: filled(64, 0) };
      return startSession(tpm.transport(), own, 'hmac').catch((cause: unknown) => cause);
    });
    expect(error).toBeInstanceOf(Error);
  });
});

promise.unless(tpm.missing, 'P4', 'a command with a changed parameter is refused by the TPM', async () => {
  const transport = tpm.transport();
  await withStorageKey(transport, async (parent) => {
    const session = await startSession(transport, parent, 'hmac');
    const changing: TpmTransport = {
      ...transport,
      exchange(command) {
        const changed = Uint8Array.from(command);
        const last = changed.length - 1;
        changed[last] = (changed[last] ?? 0) ^ 1;
        return transport.exchange(changed);
      },
    };
    await expect(createObject(changing, parent, session, filled(32, 1), filled(32, 2))).rejects.toMatchObject({
      code: 'attester.hardware',
    });
    await flush(transport, session.handle);
  });
});

promise.unless(tpm.missing, 'P4', 'a policy over registers is computed here as by the TPM', async () => {
  const transport = tpm.transport();
  const values = await readPcrs(transport, TpmAlg.sha256, [14, 4, 0, 7]);
  const held = await withStorageKey(transport, async (parent) => {
    const session = await startSession(transport, parent, 'policy');
    return flushedAfter(transport, session.handle, async () => {
      await policyPcr(transport, session, [0, 4, 7, 14]);
      return policyDigest(transport, session);
    });
  });
  expect(pcrPolicy(values)).toEqual(held);
  expect(concatBytes(held)).not.toEqual(filled(32, 0));
});
