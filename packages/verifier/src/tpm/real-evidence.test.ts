import { createPublicKey } from 'node:crypto';
import { concatBytes, MalformedEvidenceError } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, readVector } from '../../../../test/vectors.ts';
import { sized, TPM_POLICY } from '../testing/forged-tpm.ts';
import { parseTpmAttestationKey, type TpmAttestationKey } from './attestation-key.ts';
import { isTpmQuote } from './forms.ts';
import { parseTpmQuote } from './parse.ts';
import { verifyTpm } from './verify-tpm.ts';

const REAL_BOOTS = ['direct', 'seabios', 'tis', 'ukik'].map((name) => `boot/real-boot/${name}.quote.json`);
const KEYED = 'tpm/coco-tpm_evidence.json';
const HEX = ['azure-snp/coco-tpm-quote-v1.json', 'azure-tdx/coco-tpm-quote-v1.json'];
const NO_SIGNATURE = [
  'tpm/dstack-tpm-quote-sample.bin',
  'azure-snp/coco-tpm-quote.msg',
  'azure-snp/lunal-tpm-quote.msg',
];

async function decidedBy(path: string, ak?: TpmAttestationKey): Promise<string | null> {
  try {
    const inputs = { policy: TPM_POLICY, ...(ak === undefined ? {} : { ak }) };
    const { checks } = await verifyTpm(readVector(path), inputs);
    const check =
      checks.find(({ status }) => status === 'failed') ?? checks.find(({ status }) => status === 'unavailable');
    return check?.id ?? null;
  } catch (error) {
    if (error instanceof MalformedEvidenceError) return error.check;
    throw error;
  }
}

/** The key of an Azure TPM, out of the runtime data that the hardware report commits to. */
function azureKey(hclReport: string): TpmAttestationKey {
  const blob = readVector(hclReport);
  const length = new DataView(blob.buffer).getUint32(1232, true);
  const runtime: unknown = JSON.parse(new TextDecoder().decode(blob.subarray(1236, 1236 + length)));
  const [key] = (runtime as { keys: { n: string; e: string }[] }).keys;
  const pem = createPublicKey({ key: { kty: 'RSA', n: key?.n ?? '', e: key?.e ?? '' }, format: 'jwk' });
  return parseTpmAttestationKey(new TextEncoder().encode(pem.export({ format: 'pem', type: 'spki' }).toString()));
}

describe('real TPM quotes', () => {
  promise.unless(missingVectors, 'P7', 'decide nothing without a key, though some files bring one', async () => {
    for (const path of [...REAL_BOOTS, KEYED, ...HEX]) {
      expect([path, isTpmQuote(readVector(path)), await decidedBy(path)]).toEqual([path, true, 'tpm.ak']);
    }
  });

  promise.unless(missingVectors, 'P7', 'are good under the key that made them, and under no other', async () => {
    const keys = [...REAL_BOOTS, KEYED].map((path) => parseTpmQuote(readVector(path)).statedKey);
    for (const [index, path] of [...REAL_BOOTS, KEYED].entries()) {
      expect([path, await decidedBy(path, keys[index])]).toEqual([path, null]);
      expect([path, await decidedBy(path, keys[(index + 1) % keys.length])]).toEqual([path, 'tpm.ak']);
    }
  });

  promise.unless(missingVectors, 'P7', 'of Azure are good under the key in the hardware report', async () => {
    const keys = ['azure-snp/coco-hcl-report.bin', 'azure-tdx/coco-hcl-report.bin'].map(azureKey);
    expect(await decidedBy(HEX[0] ?? '', keys[0])).toBeNull();
    expect(await decidedBy(HEX[1] ?? '', keys[1])).toBeNull();
    expect(await decidedBy(HEX[0] ?? '', keys[1])).toBe('tpm.signature');
    expect(await decidedBy(HEX[1] ?? '', keys[0])).toBe('tpm.signature');
  });

  promise.unless(
    missingVectors,
    'P7',
    'of Google are good under the key beside them, once taken out of their container',
    async () => {
      for (const [path, attestBytes, nonce] of [
        ['tpm/gotpm-gce-cos-85-no-nonce.pb', 113, ''],
        ['tpm/gotpm-gce-cos-85-nonce9009.pb', 115, '9009'],
      ] as const) {
        const container = readVector(path);
        expect([path, isTpmQuote(container), await decidedBy(path)]).toEqual([path, false, 'tpm.format']);
        // Field 1 is the key; the second quote is of SHA-256, and three bytes stand between it and its signature.
        const ak = parseTpmAttestationKey(sized(container.slice(3, 283)));
        const start = 1302 + attestBytes - 115;
        const attest = container.slice(start, start + attestBytes);
        const quote = concatBytes(attest, container.slice(start + attestBytes + 3, start + attestBytes + 265));
        const outcome = await verifyTpm(quote, { policy: TPM_POLICY, ak });
        expect(outcome.checks.filter(({ status }) => status !== 'passed' && status !== 'waived')).toEqual([]);
        expect(outcome.claims?.reportData).toBe(nonce);
      }
    },
  );

  promise.unless(missingVectors, 'P7', 'without a signature are no evidence', async () => {
    for (const path of NO_SIGNATURE) expect([path, await decidedBy(path)]).toEqual([path, 'tpm.format']);
  });

  promise.unless(missingVectors, 'P7', 'of a booted machine carry its nonce', async () => {
    const expectedNonce = Uint8Array.from(Buffer.from(readTextVector('boot/real-boot/nonce.hex').trim(), 'hex'));
    for (const path of REAL_BOOTS) {
      const bytes = readVector(path);
      const ak = parseTpmQuote(bytes).statedKey;
      if (ak === undefined) throw new Error(`${path}: no key`);
      const policy = { ...TPM_POLICY, nonce: 'required', pcrSelection: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11] } as const;
      const outcome = await verifyTpm(bytes, { policy, ak, expectedNonce });
      expect(outcome.checks.filter(({ status }) => status !== 'passed').map(({ id }) => id)).toEqual([
        'tpm.pcr-digest',
        'tpm.pcrs',
      ]);
      expect(outcome.anchor?.simulator).toBe(true);
    }
  });
});
