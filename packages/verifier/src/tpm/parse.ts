/**
 * Parsing of TPM quotes: bytes to fields, no trust. Which files are read says `forms.ts`.
 *
 * @module
 */
import { MalformedEvidenceError } from '@vitrine/documents/evidence';
import { RefusalError } from '../refusal.ts';
import { readTpmForm, type TpmQuote } from './forms.ts';

export const FORMAT_CHECK = 'tpm.format';

/**
 * Reads a quote.
 *
 * @throws MalformedEvidenceError for anything but exactly one well-formed quote.
 */
export function parseTpmQuote(bytes: Uint8Array<ArrayBuffer>): TpmQuote {
  try {
    return readTpmForm(bytes);
  } catch (cause) {
    if (!(cause instanceof RefusalError)) throw cause;
    const { expected, actual } = cause.difference;
    const details = [
      ...(expected === undefined ? [] : [`expected ${expected}`]),
      ...(actual === undefined ? [] : [`found ${actual}`]),
    ];
    const message = details.length === 0 ? cause.message : `${cause.message}: ${details.join(', ')}`;
    throw new MalformedEvidenceError(FORMAT_CHECK, message, { cause });
  }
}
