import { createHash } from 'node:crypto';
import type { QuoteSource } from '@vitrine/attester';
import { VitrineError } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { hostDataWarning } from './host-data.ts';

const DIGEST = 'ab'.repeat(48);
const NAMED = createHash('sha256').update(Buffer.from(DIGEST, 'hex')).digest();

function reporting(hostData: Uint8Array): QuoteSource {
  const report = new Uint8Array(0x4a0);
  report.set(hostData, 0xc0);
  return { technology: 'snp', quote: async () => report, endorsements: async () => undefined };
}

promise('P7', 'an operator whose guest was launched without the manifest is told, with what to give', async () => {
  expect(await hostDataWarning(reporting(NAMED), DIGEST)).toBeUndefined();
  const other = Uint8Array.from(NAMED);
  other[31] = (other[31] ?? 0) ^ 1;
  for (const found of [new Uint8Array(32), other]) {
    expect(await hostDataWarning(reporting(found), DIGEST)).toContain(`with HOST_DATA ${NAMED.toString('hex')}`);
  }
  const failing = (error: Error): QuoteSource => ({ ...reporting(NAMED), quote: () => Promise.reject(error) });
  expect(await hostDataWarning(failing(new VitrineError('attester.busy', 'the host is busy')), DIGEST)).toMatch(
    /no evidence can be made at present: the host is busy/,
  );
  await expect(hostDataWarning(failing(new TypeError('ours')), DIGEST)).rejects.toThrow(TypeError);
});
