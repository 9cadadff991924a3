/**
 * SEV-SNP has no register that a guest extends: whoever launches it gives the manifest's digest as HOST_DATA. The
 * enclave cannot do that afterwards, and says what is missing before clients find out.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { QuoteSource } from '@vitrine/attester';
import { fromHex, sameBytes, toHex, VitrineError } from '@vitrine/documents';

const AT = 0xc0;
const LENGTH = 32;
/** It stays here, and is about nothing. */
const NO_REPORT_DATA = new Uint8Array(64);

/** What the operator is to be told; `undefined` where HOST_DATA names the manifest. */
export async function hostDataWarning(source: QuoteSource, manifestDigest: string): Promise<string | undefined> {
  const expected = createHash('sha256')
    .update(fromHex(manifestDigest) ?? new Uint8Array())
    .digest();
  try {
    const report = await source.quote(Uint8Array.from(NO_REPORT_DATA));
    const found = report.subarray(AT, AT + LENGTH);
    if (sameBytes(found, expected)) return undefined;
    return `HOST_DATA is ${toHex(found)} and does not name the manifest, so users are told that only the enclave itself asserts what runs; launch the guest with HOST_DATA ${toHex(expected)}`;
  } catch (error) {
    if (!(error instanceof VitrineError)) throw error;
    return `no evidence can be made at present: ${error.message}`;
  }
}
