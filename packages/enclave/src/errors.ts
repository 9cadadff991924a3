/**
 * Errors of the enclave, beside those of `@vitrine/documents`, by what the caller does next.
 * A hosted server that does not work is `ServerFailedError`, see `gateway/failure.ts`.
 *
 * @module
 */
import { VitrineError } from '@vitrine/documents';

/**
 * The code could not be fetched: registry or network. Try again, or work offline from the store.
 * Exit code 3.
 */
export class SourceUnavailableError extends VitrineError {}

/**
 * The code that is there is not the code that was locked or installed before. Stop: it must not run.
 * Codes: `lock.mismatch` (against `vitrine.lock`), `store.changed` (against the store's own record).
 * Exit code 1.
 */
export class LockMismatchError extends VitrineError {}
