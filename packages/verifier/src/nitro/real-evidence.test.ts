import { createHash } from 'node:crypto';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, readVector } from '../../../../test/vectors.ts';
import { NITRO_POLICY } from '../testing/forged-nitro.ts';
import { parseCertificate } from '../x509/certificate.ts';
import { parsePemChain } from '../x509/pem.ts';
import { AWS_NITRO_ANCHORS, AWS_NITRO_ROOT_FINGERPRINT } from './anchors.ts';
import { isNitroDocument } from './parse.ts';
import { verifyNitro } from './verify-nitro.ts';

interface Row {
  readonly file: string;
  readonly at: string;
  readonly decidedBy: string | null;
}

const ROWS: readonly Row[] =
  missingVectors === false
    ? (JSON.parse(readTextVector('EXPECTED.json')) as readonly Row[]).filter(({ file }) => file.startsWith('nitro/'))
    : [];

async function decidedBy(bytes: Uint8Array<ArrayBuffer>, now: Date): Promise<string | null> {
  const { checks, anchor } = await verifyNitro(bytes, { policy: NITRO_POLICY, now });
  const check =
    checks.find(({ status }) => status === 'failed') ?? checks.find(({ status }) => status === 'unavailable');
  if (check === undefined)
    expect(anchor).toEqual(expect.objectContaining({ name: 'aws-nitro-root-g1', simulator: false }));
  return check?.id ?? null;
}

/** dstack's container lists run-time events beside the document; nobody signed them and nothing uses them. */
function isUnsigned(file: string, bytes: Uint8Array<ArrayBuffer>, bit: number): boolean {
  if (!file.endsWith('.attestation.bin')) return false;
  const end = 4 + (new DataView(bytes.buffer).getUint16(2, true) >> 2);
  const reportData = bytes.length - 64 - 83;
  return bit >= end * 8 && bit < reportData * 8;
}

describe('real Nitro documents', () => {
  promise.unless(missingVectors, 'P7', 'each comes out as expected at its time', async () => {
    expect(ROWS.length).toBeGreaterThan(0);
    for (const { file, at, decidedBy: expected } of ROWS) {
      const bytes = readVector(file);
      expect([file, isNitroDocument(bytes)]).toEqual([file, true]);
      expect([file, await decidedBy(bytes, new Date(at))]).toEqual([file, expected]);
    }
  });

  promise.unless(missingVectors, 'P7', 'a day later none is fresh, though its chain was good', async () => {
    for (const { file, at, decidedBy: expected } of ROWS.filter((row) => row.decidedBy === null)) {
      expect(expected).toBeNull();
      expect(await decidedBy(readVector(file), new Date(Date.parse(at) + 86_400_000))).toBe('nitro.freshness');
    }
  });

  promise.unless(
    missingVectors,
    'P7',
    'a sample of single-bit changes never verifies with the same claims',
    async () => {
      for (const { file, at } of ROWS.filter((row) => row.decidedBy === null)) {
        const good = readVector(file);
        const inputs = { policy: NITRO_POLICY, now: new Date(at) };
        const { claims } = await verifyNitro(good, inputs);
        const accepted: number[] = [];
        for (let bit = 5; bit < good.length * 8; bit += 149) {
          const bytes = Uint8Array.from(good);
          bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          try {
            const outcome = await verifyNitro(bytes, inputs);
            if (outcome.claims !== undefined && outcome.checks.every(({ status }) => status !== 'failed'))
              accepted.push(bit);
          } catch {
            // Refused as malformed.
          }
        }
        expect(accepted.filter((bit) => !isUnsigned(file, good, bit))).toEqual([]);
        expect(claims).toBeDefined();
      }
    },
  );

  promise.unless(missingVectors, 'P7', 'the compiled-in anchor is the key of the published root', () => {
    const [der = new Uint8Array()] = parsePemChain(readTextVector('nitro/aws-nitro-root-g1.pem'), 1, 'root');
    expect(createHash('sha256').update(der).digest('hex')).toBe(AWS_NITRO_ROOT_FINGERPRINT);
    const profile = {
      keys: ['p384'],
      signatures: ['ecdsa-p384-sha384'],
      serialNumber: 'positive',
      required: ['basicConstraints', 'keyUsage'],
      trailingBits: 'none',
      critical: [],
      maxBytes: 1024,
    } as const;
    expect(parseCertificate(der, 'root', profile).publicKey).toEqual(AWS_NITRO_ANCHORS[0]?.publicKey);
  });
});
