/**
 * The key service: what its own program runs, and what explains its decisions without it.
 *
 * Hosted servers use `@vitrine/keys/server`, the rest of the enclave `@vitrine/keys/client`.
 *
 * @module
 */

export { type NumberedManifest, readRelease, type Signers, signersOf } from './app-root/release.ts';
export { type WrappedFor, wrappedFor } from './app-root/wrapped-for.ts';
export { type ExplainRequest, explainRequest } from './explain-request.ts';
export type { Platform } from './keyd/contract.ts';
export type { RunKeydOptions } from './process/answer-supervisor.ts';
export { runKeyd } from './process/keyd-main.ts';
