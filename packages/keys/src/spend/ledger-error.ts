/**
 * What keeps the ledger from answering. Each means that nothing may be signed.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';

/**
 * - `ledger.unavailable`: the store did not take the reservation. It does not count any more.
 * - `ledger.clock`: the clock went backwards, so no window can be told.
 * - `ledger.full`: more reservations are within their windows than are kept.
 * - `ledger.record`: a record in the store was not written by this ledger.
 * - `ledger.misuse`: a key, limit or reservation that the ledger does not know; a defect of the caller.
 */
export type LedgerErrorCode = 'ledger.unavailable' | 'ledger.clock' | 'ledger.full' | 'ledger.record' | 'ledger.misuse';

export class LedgerError extends VitrineError {
  override readonly name: string = 'LedgerError';

  constructor(code: LedgerErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
