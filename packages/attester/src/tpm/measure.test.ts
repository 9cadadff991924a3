import { hash } from 'node:crypto';
import { fromHex, toHex } from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { MANIFEST_PCR, manifestPcr, measureIntoPcr } from './measure.ts';
import { extendPcr, readPcrs } from './registers.ts';
import { sha256, TpmAlg } from './structures.ts';
import { Code, codeOf, onTheBus } from './testing/bus.ts';
import { useTestTpm } from './testing/fresh-tpm.ts';
import type { TpmTransport } from './transport.ts';

const tpm = useTestTpm();
const DIGEST = 'ab'.repeat(48);
const digest = fromHex(DIGEST) ?? new Uint8Array(0);

const value = async (bank: 0x000b | 0x000c): Promise<string> =>
  toHex((await readPcrs(tpm.transport(), bank, [MANIFEST_PCR])).get(MANIFEST_PCR) ?? new Uint8Array(0));

test('the register after one manifest', () => {
  const extended = hash('sha256', Buffer.concat([Buffer.alloc(32), hash('sha256', digest, 'buffer')]));
  expect(toHex(manifestPcr(digest))).toBe(extended);
});

promise.unless(
  tpm.missing,
  'P3',
  'the manifest is measured once into each bank, however often it is asked',
  async () => {
    await tpm.powerCycle();
    await measureIntoPcr(tpm.transport(), DIGEST);
    await measureIntoPcr(tpm.transport(), DIGEST);
    expect(await value(TpmAlg.sha256)).toBe(toHex(manifestPcr(digest)));
    expect(await value(TpmAlg.sha384)).toBe(hash('sha384', Buffer.concat([Buffer.alloc(48), digest])));
  },
);

promise.unless(tpm.missing, 'P3', 'another manifest is refused until the machine is restarted', async () => {
  await tpm.powerCycle();
  await measureIntoPcr(tpm.transport(), DIGEST);
  const before = await value(TpmAlg.sha256);
  await expect(measureIntoPcr(tpm.transport(), 'cd'.repeat(48))).rejects.toMatchObject({
    code: 'attester.measured',
    message: expect.stringMatching(/PCR 14 .* restart the machine/),
  });
  expect(await value(TpmAlg.sha256)).toBe(before);
  await tpm.powerCycle();
  await measureIntoPcr(tpm.transport(), 'cd'.repeat(48));
  expect(await value(TpmAlg.sha256)).not.toBe(before);
});

promise.unless(tpm.missing, 'P3', 'a register that somebody used before is refused', async () => {
  await tpm.powerCycle();
  await extendPcr(tpm.transport(), MANIFEST_PCR, [[TpmAlg.sha256, sha256(digest)]]);
  await extendPcr(tpm.transport(), MANIFEST_PCR, [[TpmAlg.sha256, sha256(digest)]]);
  await expect(measureIntoPcr(tpm.transport(), DIGEST)).rejects.toMatchObject({ code: 'attester.measured' });
});

promise.unless(tpm.missing, 'P3', 'banks that do not agree are refused', async () => {
  await tpm.powerCycle();
  await extendPcr(tpm.transport(), MANIFEST_PCR, [[TpmAlg.sha256, sha256(digest)]]);
  await expect(measureIntoPcr(tpm.transport(), DIGEST)).rejects.toMatchObject({ code: 'attester.measured' });
});

promise.unless(tpm.missing, 'P3', 'an extension that did not happen is noticed', async () => {
  await tpm.powerCycle();
  const swallowing: TpmTransport = onTheBus(tpm.transport(), (command, send) =>
    codeOf(command) === 0x0182
      ? Promise.resolve(fromHex('80020000001300000000000000000000010000') ?? new Uint8Array(0))
      : send(command),
  );
  await expect(measureIntoPcr(swallowing, DIGEST)).rejects.toMatchObject({ code: 'attester.measured' });
});

promise.unless(tpm.missing, 'P3', 'two that measure the same at once do it once', async () => {
  await tpm.powerCycle();
  await Promise.all([measureIntoPcr(tpm.transport(), DIGEST), measureIntoPcr(tpm.transport(), DIGEST)]);
  expect(await value(TpmAlg.sha256)).toBe(toHex(manifestPcr(digest)));
});

test.each(['', 'ab', 'AB'.repeat(48), 'ab'.repeat(47), 'ab'.repeat(49)])('%j is no manifest digest', async (digits) => {
  const unused: TpmTransport = { exchange: () => Promise.reject(new Error('asked')), close: async () => undefined };
  await expect(measureIntoPcr(unused, digits)).rejects.toThrow(RangeError);
});

promise.unless(tpm.missing, 'P3', 'registers that always move are said to, and are not given', async () => {
  await tpm.powerCycle();
  const moving = onTheBus(tpm.transport(), async (command, send) => {
    if (codeOf(command) === Code.pcrRead) await extendPcr(tpm.transport(), 15, [[TpmAlg.sha256, sha256()]]);
    return send(command);
  });
  const all = Array.from({ length: 24 }, (_, index) => index);
  await expect(readPcrs(moving, TpmAlg.sha256, all)).rejects.toMatchObject({ code: 'attester.busy' });
});
