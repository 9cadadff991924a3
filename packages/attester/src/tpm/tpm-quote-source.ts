/**
 * Evidence of a TPM 2.0: a quote over registers of the SHA-256 bank, as Confidential Containers write it for a TPM
 * (JSON with `ak_public` and `tpm_quote`), which carries the values of all 24 registers.
 *
 * The qualifying data is SHA-256 of the 64 bytes of report data. A quote says nothing about who made the TPM: whoever
 * verifies it says which attestation key they trust.
 *
 * @module
 */
import { createPublicKey, verify } from 'node:crypto';
import { concatBytes, sameBytes, toHex, VitrineError } from '@vitrine/documents';
import type { QuoteSource } from '../quote-source.ts';
import { type AttestedQuote, parseAttest, parseQuote, type QuoteAnswer } from './answers.ts';
import { exclusively } from './exclusive.ts';
import { loadAttestationKey, type PrimaryKey, p256Spki } from './primary-keys.ts';
import { ALL_PCRS, readPcrs } from './registers.ts';
import { emptyPassword, runCommand } from './run-command.ts';
import { pcrSelection, sha256, TpmAlg } from './structures.ts';
import type { TpmTransport } from './transport.ts';
import { type Bytes, malformed, sized, u16 } from './wire.ts';

export interface TpmQuoteSourceOptions {
  readonly transport: TpmTransport;
}

export interface TpmQuoteSource extends QuoteSource {
  /** The attestation key, DER SubjectPublicKeyInfo, P-256. The same at each start of the same TPM. */
  readonly akPublic: Bytes;
}

/**
 * Firmware, boot loader, secure boot, kernel, command line, images, manifest, system. Not 10, which integrity
 * measurement moves with each file that is run, and not the registers from 16 that can be set back.
 */
export const QUOTED_PCRS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15];

const REPORT_DATA_BYTES = 64;
const ATTEMPTS = 5;

/**
 * Loads the attestation key, which stays loaded until the transport is closed.
 *
 * @throws VitrineError `attester.hardware`, `attester.busy`, `attester.unavailable`.
 */
export async function tpmQuoteSource({ transport }: TpmQuoteSourceOptions): Promise<TpmQuoteSource> {
  const key = await exclusively(transport, () => loadAttestationKey(transport));
  const akPublic = p256Spki(key.xy);
  return {
    technology: 'tpm',
    akPublic,
    quote(reportData) {
      if (reportData.length !== REPORT_DATA_BYTES) {
        return Promise.reject(new RangeError(`report data has 64 bytes, not ${reportData.length}`));
      }
      const qualifyingData = sha256(reportData);
      return exclusively(transport, () => consistentQuote(transport, key, akPublic, qualifyingData));
    },
    endorsements: async () => undefined,
  };
}

/** Values and quote of one moment: a register may move in between. */
async function consistentQuote(
  transport: TpmTransport,
  key: PrimaryKey,
  akPublic: Bytes,
  qualifyingData: Bytes,
): Promise<Bytes> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const values = await readPcrs(transport, TpmAlg.sha256, ALL_PCRS);
    const quote = await quoteOnce(transport, key, qualifyingData);
    const attested = parseAttest(quote.attest);
    requireAsked(attested, qualifyingData);
    requireSigned(quote, akPublic);
    const expected = sha256(...QUOTED_PCRS.map((index) => values.get(index) ?? new Uint8Array(0)));
    if (sameBytes(attested.pcrDigest, expected)) return encode(akPublic, quote, values);
  }
  throw new VitrineError(
    'attester.busy',
    `registers of the TPM moved during each of ${ATTEMPTS} quotes; try again when the machine has started`,
  );
}

async function quoteOnce(transport: TpmTransport, key: PrimaryKey, qualifyingData: Bytes): Promise<QuoteAnswer> {
  const { parameters } = await runCommand(
    transport,
    {
      what: 'TPM2_Quote',
      code: 0x0158,
      handles: [key.handle],
      parameters: concatBytes(
        sized(qualifyingData),
        u16(TpmAlg.ecdsa),
        u16(TpmAlg.sha256),
        pcrSelection(TpmAlg.sha256, QUOTED_PCRS),
      ),
    },
    emptyPassword,
  );
  return parseQuote(parameters);
}

function requireAsked({ extraData, selections }: AttestedQuote, qualifyingData: Bytes): void {
  if (!sameBytes(extraData, qualifyingData)) throw malformed('a quote', 'it is for other qualifying data');
  const [selection, ...others] = selections;
  if (others.length > 0 || selection?.bank !== TpmAlg.sha256 || selection.indexes.join() !== QUOTED_PCRS.join()) {
    throw malformed('a quote', 'it is over other registers than were asked for');
  }
}

function requireSigned({ attest, signature }: QuoteAnswer, akPublic: Bytes): void {
  const key = createPublicKey({ key: Buffer.from(akPublic), format: 'der', type: 'spki' });
  if (!verify('sha256', attest, { key, dsaEncoding: 'ieee-p1363' }, signature)) {
    throw malformed('a quote', 'its signature is not that of the attestation key');
  }
}

function encode(akPublic: Bytes, quote: QuoteAnswer, values: ReadonlyMap<number, Bytes>): Bytes {
  const document = {
    ak_public: base64(akPublic),
    tpm_quote: {
      message: base64(quote.attest),
      signature: base64(quote.signatureArea),
      pcrs: ALL_PCRS.map((index) => toHex(values.get(index) ?? new Uint8Array(0))),
    },
  };
  return new TextEncoder().encode(JSON.stringify(document));
}

/** Padded. */
function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
