/**
 * The manifest measured into PCR 14, where nobody before us has done it.
 *
 * PCR 14 of the SHA-256 bank becomes SHA-256(0^32 ‖ SHA-256(D)), and where there is a SHA-384 bank, that of it
 * SHA-384(0^48 ‖ D); D is the manifest's digest of 48 bytes. It shows what was measured only as far as the code
 * that does it is itself measured into the registers before.
 *
 * @module
 */
import { hash } from 'node:crypto';
import { concatBytes, fromHex, sameBytes, toHex, VitrineError } from '@vitrine/documents';
import { exclusively } from './exclusive.ts';
import { type Bank, extendPcr, hasBank, readPcrs } from './registers.ts';
import { sha256, TpmAlg } from './structures.ts';
import type { TpmTransport } from './transport.ts';
import type { Bytes } from './wire.ts';

/** Of the registers that firmware leaves to the operating system, the one for what the user trusts. */
export const MANIFEST_PCR = 14;
const DIGEST_BYTES = 48;

interface Measurement {
  readonly bank: Bank;
  readonly extendBy: Bytes;
  readonly result: Bytes;
}

/** PCR 14 of the SHA-256 bank after the manifest with this digest was measured. */
export function manifestPcr(manifestDigest: Uint8Array): Bytes {
  return sha256(new Uint8Array(32), sha256(manifestDigest));
}

/**
 * Measures the manifest, unless that was done since the machine started.
 *
 * @param manifestDigestHex - 96 lower-case hexadecimal digits.
 * @throws VitrineError `attester.measured` where something else was measured there; `attester.hardware`, `attester.busy`.
 */
export function measureIntoPcr(transport: TpmTransport, manifestDigestHex: string): Promise<void> {
  const digest = fromHex(manifestDigestHex);
  if (digest?.length !== DIGEST_BYTES) {
    return Promise.reject(new RangeError('a manifest digest has 96 lower-case hexadecimal digits'));
  }
  return exclusively(transport, async () => {
    const measurements: Measurement[] = [
      { bank: TpmAlg.sha256, extendBy: sha256(digest), result: manifestPcr(digest) },
    ];
    if (await hasBank(transport, TpmAlg.sha384, MANIFEST_PCR)) {
      const result = Uint8Array.from(hash('sha384', concatBytes(new Uint8Array(DIGEST_BYTES), digest), 'buffer'));
      measurements.push({ bank: TpmAlg.sha384, extendBy: digest, result });
    }
    const states = await Promise.all(measurements.map((measurement) => stateOf(transport, measurement)));
    if (states.every((state) => state === 'measured')) return;
    if (!states.every((state) => state === 'zero')) throw occupied(await pcrValue(transport, TpmAlg.sha256));
    await extendPcr(
      transport,
      MANIFEST_PCR,
      measurements.map(({ bank, extendBy }) => [bank, extendBy] as const),
    );
    for (const measurement of measurements) {
      if ((await stateOf(transport, measurement)) !== 'measured') {
        throw occupied(await pcrValue(transport, TpmAlg.sha256));
      }
    }
  });
}

async function stateOf(transport: TpmTransport, { bank, result }: Measurement): Promise<'zero' | 'measured' | 'other'> {
  const value = await pcrValue(transport, bank);
  if (sameBytes(value, result)) return 'measured';
  return value.every((byte) => byte === 0) ? 'zero' : 'other';
}

async function pcrValue(transport: TpmTransport, bank: Bank): Promise<Bytes> {
  return (await readPcrs(transport, bank, [MANIFEST_PCR])).get(MANIFEST_PCR) ?? new Uint8Array(0);
}

function occupied(value: Bytes): VitrineError {
  return new VitrineError(
    'attester.measured',
    `PCR ${MANIFEST_PCR} of the TPM already holds ${toHex(value).slice(0, 16)}…, which is not this manifest alone. A register cannot be set back: restart the machine, and start nothing else that measures into it (shim does, for machine owner keys)`,
  );
}
