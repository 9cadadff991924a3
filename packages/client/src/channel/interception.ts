/**
 * Says so when a failed attestation looks like TLS inspection: something between client and server
 * ends the TLS connection and presents a certificate of its own. The check that failed stays the
 * one that is named; only its message grows.
 *
 * @module
 */
import { type AttestationResult, VerificationError } from '@vitrine/verifier';
import { RefusedError } from '../errors.ts';
import { interceptionText } from './tls-session.ts';

/** Checks that fail when the evidence is true but about another connection than this one. */
const ABOUT_CONNECTION: readonly string[] = ['channel.live'];
/** Checks that fail when whoever answers knows nothing of Vitrine. */
const ABOUT_SERVER: readonly string[] = ['channel.endpoint', 'channel.reply'];

/** `error`, with the issuer of the certificate where that explains it. */
export function nameInterception(error: unknown, issuedBy: string, host: string): unknown {
  if (error instanceof RefusedError && ABOUT_SERVER.includes(error.check)) {
    return new RefusedError(error.check, `${error.message}. ${interceptionText(issuedBy, host, false)}`, {
      cause: error,
    });
  }
  if (!(error instanceof VerificationError) || !ABOUT_CONNECTION.includes(error.result.decidedBy ?? '')) return error;
  const text = interceptionText(issuedBy, host, true);
  const result = explained(error.result, text);
  return new VerificationError(`${error.message} ${text}`, result, { cause: error });
}

function explained(result: AttestationResult, text: string): AttestationResult {
  const checks = result.checks.map((check) =>
    check.id === result.decidedBy ? { ...check, message: `${check.message} ${text}` } : check,
  );
  return { ...result, checks };
}
