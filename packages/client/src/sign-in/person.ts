/**
 * A sign-in by a person: the authorization code grant with PKCE, whose answer comes back from the
 * browser to a listener on this machine (OAuth 2.1, RFC 8252, RFC 9207).
 *
 * @module
 */
import { startAuthorization, validateAuthorizationResponseIssuer } from '@modelcontextprotocol/client';
import { toBase64Url, UsageError } from '@vitrine/documents';
import { cleanText } from '../clean-text.ts';
import type { FetchLike } from '../net/outside-fetch.ts';
import { type CallbackAnswer, startCallbackServer } from './callback-server.ts';
import { type ChosenClient, type ClientIdentity, chooseClient } from './client-identity.ts';
import type { Authority } from './discovery.ts';
import { signInError } from './sign-in-error.ts';
import { exchangeCode } from './token-request.ts';
import type { StoredClient, StoredTokens } from './token-store.ts';

export interface PersonOptions {
  readonly authority: Authority;
  readonly identity: ClientIdentity;
  /** The client of an earlier sign-in at the same authorization server. */
  readonly storedClient: StoredClient | undefined;
  readonly scope: string | undefined;
  readonly fetch: FetchLike;
  /** Shows the address to a person; rejects when that is not possible. */
  readonly interact: (authorizationUrl: string) => Promise<void>;
  readonly callbackPort: number | undefined;
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly signal: AbortSignal;
  /** How long a person may take, in milliseconds. */
  readonly waitMs: number;
}

export interface SignInUnderWay {
  readonly authorizationUrl: string;
  /** Settles when the address was shown, or could not be. */
  readonly shown: Promise<void>;
  readonly done: Promise<{ readonly tokens: StoredTokens; readonly client: ChosenClient }>;
}

/** Starts a sign-in: listens, registers this client if need be, and shows the address. */
export async function askPerson(options: PersonOptions): Promise<SignInUnderWay> {
  const { authority, scope, storedClient } = options;
  const { metadata, resource } = authority;
  const callback = await startCallbackServer(options.callbackPort, portOf(storedClient?.redirectUri));
  try {
    const { redirectUri } = callback;
    const client = await chooseClient({
      identity: options.identity,
      metadata,
      stored: storedClient,
      redirectUri,
      scope,
      fetch: options.fetch,
      now: options.now(),
    });
    const state = toBase64Url(options.random(32));
    const { authorizationUrl, codeVerifier } = await startAuthorization(metadata.issuer, {
      metadata,
      clientInformation: client.information,
      redirectUrl: redirectUri,
      state,
      resource,
      ...(scope === undefined ? {} : { scope }),
    });
    const answered = callback.answer(state, AbortSignal.any([options.signal, AbortSignal.timeout(options.waitMs)]));
    const done = finish(answered, options, client, { codeVerifier, redirectUri });
    // Whoever waits is told; while nobody does, a failure is no defect.
    done.catch(() => undefined);
    return { authorizationUrl: authorizationUrl.href, shown: options.interact(authorizationUrl.href), done };
  } catch (error) {
    callback.close();
    throw signInError(error, 'starting the sign-in', metadata.issuer, []);
  }
}

async function finish(
  answered: Promise<CallbackAnswer>,
  options: PersonOptions,
  client: ChosenClient,
  proof: { readonly codeVerifier: string; readonly redirectUri: string },
): Promise<{ readonly tokens: StoredTokens; readonly client: ChosenClient }> {
  const { authority, fetch, now, signal } = options;
  const answer = await answered.catch((error: unknown) => {
    if (signal.aborted || !(error instanceof DOMException && error.name === 'TimeoutError')) throw error;
    const minutes = Math.ceil(options.waitMs / 60_000);
    throw new UsageError('sign-in.timeout', `nobody signed in within ${minutes} minutes; try again`);
  });
  requireIssuer(answer, authority);
  if (answer.code === undefined) throw declined(answer, authority.metadata.issuer);
  const tokens = await exchangeCode({ authority, client, fetch, now }, { code: answer.code, iss: answer.iss }, proof);
  return { tokens, client };
}

/** Also before an error is believed: it may come from another authorization server. */
function requireIssuer({ iss }: CallbackAnswer, { metadata }: Authority): void {
  try {
    validateAuthorizationResponseIssuer({
      iss,
      expectedIssuer: metadata.issuer,
      issParameterSupported: metadata.authorization_response_iss_parameter_supported === true,
    });
  } catch (error) {
    throw signInError(error, 'signing in', metadata.issuer, []);
  }
}

function declined({ error, description }: CallbackAnswer, issuer: string): UsageError {
  if (error === 'access_denied') return new UsageError('sign-in.denied', 'the sign-in was declined');
  const said = description === undefined ? '' : ` (${cleanText(description)})`;
  return new UsageError('sign-in.refused', `signing in: ${issuer} answered ${cleanText(error ?? '', 60)}${said}`);
}

function portOf(redirectUri: string | undefined): number | undefined {
  if (redirectUri === undefined || !URL.canParse(redirectUri)) return undefined;
  const { port } = new URL(redirectUri);
  return port === '' ? undefined : Number(port);
}
