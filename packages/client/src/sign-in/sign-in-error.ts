/**
 * Turns what goes wrong between this program and an authorization server into errors for people.
 * Nothing that the other side sent is repeated, except for its error code and its description of it,
 * cleaned and without secrets.
 *
 * @module
 */
import { IssuerMismatchError, OAuthError } from '@modelcontextprotocol/client';
import { UsageError, VitrineError } from '@vitrine/documents';
import { cleanText } from '../clean-text.ts';
import { RefusedError, UnreachableError } from '../errors.ts';
import { withoutSecrets } from './secret-text.ts';

/** The error codes of OAuth are made of these. */
const OAUTH_CODE = /^[a-z_]{1,60}$/;
/** Codes after which trying again later may help. */
const LATER: readonly string[] = ['server_error', 'temporarily_unavailable', 'too_many_requests'];

/** The code of an OAuth error; `undefined` for anything else. */
export function oauthCode(error: unknown): string | undefined {
  return error instanceof OAuthError && OAUTH_CODE.test(error.code) ? error.code : undefined;
}

/**
 * @param doing - What was under way, such as `refreshing the token`.
 * @param issuer - Whom the message names.
 * @param secrets - What must not be shown, whoever says it.
 */
export function signInError(
  error: unknown,
  doing: string,
  issuer: string,
  secrets: readonly (string | undefined)[],
): Error {
  if (error instanceof VitrineError) return error;
  const who = cleanText(issuer, 120);
  if (error instanceof IssuerMismatchError) {
    return new RefusedError(
      'sign-in.issuer',
      `${who}: the answer is that of another authorization server; nothing was sent to it`,
    );
  }
  const code = oauthCode(error);
  if (code !== undefined && error instanceof OAuthError) return oauthError(error, code, doing, who, secrets);
  if (isAbort(error)) return error as Error;
  return new UnreachableError('sign-in.answer', `${doing}: ${who} gave an answer that is not one of OAuth`);
}

function oauthError(
  error: OAuthError,
  code: string,
  doing: string,
  who: string,
  secrets: readonly (string | undefined)[],
): VitrineError {
  // The SDK puts answers that it cannot read, whole, into the message.
  const said = /Raw body/.test(error.message) ? '' : withDescription(error.message, secrets);
  const message = `${doing}: ${who} answered ${code}${said}`;
  return LATER.includes(code)
    ? new UnreachableError('sign-in.answer', message)
    : new UsageError('sign-in.refused', message);
}

function withDescription(text: string, secrets: readonly (string | undefined)[]): string {
  const clean = withoutSecrets(text, secrets);
  return clean === '' ? '' : ` (${clean})`;
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
