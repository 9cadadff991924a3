/**
 * Digests by the name of a register bank.
 *
 * SHA-1 is here because old logs have no other bank; nothing that rests on it is ever trusted
 * (`verify-eventlog.ts` refuses the bank).
 *
 * @module
 */
import { digest } from '@vitrine/documents/evidence';
import type { Bank } from './event-log.ts';

/** The digest of `bytes` in `bank`. */
export async function hashIn(bank: Bank, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  switch (bank) {
    case 'sha1':
      return new Uint8Array(await crypto.subtle.digest('SHA-1', bytes));
    case 'sha256':
      return digest('SHA-256', bytes);
    case 'sha384':
      return digest('SHA-384', bytes);
  }
}
