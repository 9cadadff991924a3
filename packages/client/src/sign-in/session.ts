/**
 * The sign-in of one server while a program runs: which token to send, and how to come by another
 * one, once for all who wait.
 *
 * Whatever happens ends: a token that was just issued and is refused is not replaced again, a scope
 * is asked for once, and after a failed sign-in nobody is asked again for a while.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import type { FetchLike } from '../net/outside-fetch.ts';
import type { ClientIdentity } from './client-identity.ts';
import type { ObtainContext } from './obtain.ts';
import type { StoredSignIn, StoredTokens, TokenStore } from './token-store.ts';

/** How long after a failed sign-in the same error is given, so that a client which retries opens no window each time. */
const COOL_DOWN_MS = 30_000;

export interface SessionOptions {
  readonly url: string;
  readonly store: TokenStore;
  readonly client: ClientIdentity;
  readonly grant: 'authorization-code' | 'client-credentials';
  readonly scope: string | undefined;
  /** Sends each request where it belongs: to the attested server, or outside. */
  readonly fetch: FetchLike;
  readonly interact: (authorizationUrl: string) => Promise<void>;
  readonly callbackPort: number | undefined;
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  readonly signal: AbortSignal;
  readonly waitMs: number;
}

/** What a server said when it refused a request. */
export interface Need {
  /** The token that the request carried. */
  readonly usedToken: string | undefined;
  readonly resourceMetadataUrl: string | undefined;
  readonly scope: string | undefined;
  /** Whether the token is fine but covers too little. */
  readonly stepUp: boolean;
}

export interface SignInSession {
  /** The token to send, refreshed if its time has passed; `undefined` without a sign-in. */
  token(): Promise<string | undefined>;
  /** Notes that the server took `token`. */
  worked(token: string | undefined): void;
  /**
   * Comes by another token. False when that takes a person and `interactive` is false.
   *
   * @throws UsageError, RefusedError or UnreachableError, none of which shows a secret.
   */
  renew(need: Need, interactive: boolean): Promise<boolean>;
}

type Origin = 'kept' | 'refreshed' | 'issued';
type Refreshable = StoredSignIn & { readonly tokens: StoredTokens & { readonly refreshToken: string } };

export function createSession(options: SessionOptions): SignInSession {
  const { url, store, grant, client, now } = options;
  let held: StoredSignIn | undefined;
  let origin: Origin = 'kept';
  let proven = false;
  let loading: Promise<void> | undefined;
  let flight: { readonly key: string; readonly promise: Promise<boolean> } | undefined;
  /** A sign-in that waits for a person whom nothing here can reach. */
  let waiting: UsageError | undefined;
  let failure: { readonly error: unknown; readonly at: number } | undefined;
  const askedScopes = new Set<string>();

  function adopt(record: StoredSignIn, from: Origin): void {
    held = record;
    origin = from;
    proven = false;
  }

  /** What is kept, if it is for this grant and client. */
  async function load(): Promise<StoredSignIn | undefined> {
    const kept = await store.read();
    return kept !== undefined && kept.grant === grant && sameClient(client, kept) ? kept : undefined;
  }

  function answers(record: StoredSignIn | undefined, need: Need): record is StoredSignIn {
    const token = record?.tokens?.accessToken;
    if (record === undefined || token === undefined || token === need.usedToken) return false;
    return !need.stepUp || covers(record.requestedScope, need.scope);
  }

  async function work(need: Need, interactive: boolean): Promise<boolean> {
    const kept = await load();
    if (answers(kept, need) && !expired(kept, now())) {
      adopt(kept, 'kept');
      return true;
    }
    if (!need.stepUp && need.usedToken !== undefined && origin === 'issued' && !proven) throw rejected(url);
    const obtain = await import('./obtain.ts');
    const resourceMetadataUrl = need.resourceMetadataUrl ?? kept?.resourceMetadataUrl;
    const preferred = [client.registered?.issuer, kept?.issuer].filter((one) => one !== undefined);
    const authority = await obtain.discover({ url, resourceMetadataUrl, preferred, grant, fetch: options.fetch });
    const context: ObtainContext = { url, authority, identity: client, grant, fetch: options.fetch, now };
    let before = kept?.issuer === authority.metadata.issuer ? kept : undefined;

    if (!need.stepUp && !(origin === 'refreshed' && !proven) && refreshable(before)) {
      if (await refreshOnce(context, need)) return true;
      before = held?.issuer === authority.metadata.issuer ? held : undefined;
    }
    const sources = { wanted: options.scope, challenged: need.scope, stepUp: need.stepUp, before };
    const scope = obtain.scopeFor(authority, grant, sources);
    if (grant === 'authorization-code' && !interactive) return false;
    if (need.stepUp) {
      const key = [...new Set(scope?.split(' '))].sort().join(' ');
      if (askedScopes.has(key)) throw notGranted(need.scope);
      askedScopes.add(key);
    }
    if (grant === 'client-credentials') {
      const record = await obtain.withClientCredentials(context, scope);
      await store.write(record);
      adopt(record, 'issued');
      return true;
    }
    await person(context, before, scope);
    return true;
  }

  /** Refreshes under the lock, unless another process just did. False when the token is no longer taken. */
  function refreshOnce(context: ObtainContext, need: Need): Promise<boolean> {
    return store.exclusive(async () => {
      const latest = await load();
      if (answers(latest, need) && !expired(latest, now())) {
        adopt(latest, 'kept');
        return true;
      }
      if (latest?.issuer !== context.authority.metadata.issuer || !refreshable(latest)) return false;
      const { refreshed } = await import('./obtain.ts');
      const result = await refreshed(context, latest);
      if (typeof result !== 'string') {
        await store.write(result);
        adopt(result, 'refreshed');
        return true;
      }
      const { tokens: _gone, client: old, ...rest } = latest;
      // A registration that is refused is not to be used again: no redirect address matches it.
      const { redirectUri: _none, ...dropped } = old;
      const remaining = { ...rest, client: result === 'client-refused' ? dropped : old };
      await store.write(remaining);
      adopt(remaining, 'kept');
      return false;
    });
  }

  async function person(
    context: ObtainContext,
    before: StoredSignIn | undefined,
    scope: string | undefined,
  ): Promise<void> {
    if (waiting !== undefined) throw waiting;
    if (failure !== undefined && now() - failure.at < COOL_DOWN_MS) throw failure.error;
    const { askPerson, recordOf } = await import('./obtain.ts');
    const underWay = await askPerson({
      authority: context.authority,
      identity: client,
      storedClient: before?.client,
      scope,
      fetch: context.fetch,
      interact: options.interact,
      callbackPort: options.callbackPort,
      now,
      random: options.random,
      signal: options.signal,
      waitMs: options.waitMs,
    });
    const done = underWay.done.then(async ({ tokens, client: chosen }) => {
      const record = recordOf(context, chosen, scope, tokens);
      await store.write(record);
      adopt(record, 'issued');
      failure = undefined;
    });
    const yes = (): boolean => true;
    const shown = await Promise.race([underWay.shown.then(yes, () => false), done.then(yes, yes)]);
    if (!shown) {
      waiting = unreachablePerson(underWay.authorizationUrl);
      const over = (): void => {
        waiting = undefined;
      };
      done.then(over, over);
      throw waiting;
    }
    await done.catch((error: unknown) => {
      failure = { error, at: now() };
      throw error;
    });
  }

  async function renew(need: Need, interactive: boolean): Promise<boolean> {
    const key = JSON.stringify([need.usedToken, need.stepUp, need.scope, interactive]);
    for (;;) {
      if (answers(held, need)) return true;
      if (flight === undefined) break;
      if (flight.key === key) return flight.promise;
      await flight.promise.catch(() => undefined);
    }
    const promise = work(need, interactive).finally(() => {
      flight = undefined;
    });
    flight = { key, promise };
    return promise;
  }

  return {
    renew,
    worked(token) {
      if (token !== undefined && token === held?.tokens?.accessToken) proven = true;
    },
    async token() {
      loading ??= load().then((kept) => {
        if (kept !== undefined && held === undefined) adopt(kept, 'kept');
      });
      await loading.catch((error: unknown) => {
        // The file may be put right while this runs.
        loading = undefined;
        throw error;
      });
      if (held !== undefined && expired(held, now()) && refreshable(held)) {
        const usedToken = held.tokens.accessToken;
        await renew({ usedToken, resourceMetadataUrl: undefined, scope: undefined, stepUp: false }, false);
      }
      return held?.tokens?.accessToken;
    },
  };
}

function sameClient(
  { registered, metadataUrl }: ClientIdentity,
  { client: { kind, clientId } }: StoredSignIn,
): boolean {
  if (kind === 'metadata-document') return clientId === metadataUrl;
  if (kind === 'registered') return clientId === registered?.clientId;
  return registered === undefined;
}

function refreshable(record: StoredSignIn | undefined): record is Refreshable {
  return record?.tokens?.refreshToken !== undefined;
}

function expired({ tokens }: StoredSignIn, now: number): boolean {
  return tokens?.expiresAt !== undefined && tokens.expiresAt <= now;
}

function covers(asked: string | undefined, needed: string | undefined): boolean {
  const have = new Set(asked?.split(' '));
  return (needed ?? '').split(' ').every((scope) => scope === '' || have.has(scope));
}

function rejected(url: string): UsageError {
  return new UsageError(
    'sign-in.rejected',
    `${url} does not accept the token that was just issued for it; ask its operator. Nothing is tried again`,
  );
}

function notGranted(scope: string | undefined): UsageError {
  return new UsageError(
    'sign-in.scope',
    `the server demands the scope ${JSON.stringify(scope?.slice(0, 200) ?? '')}, which was asked for and is still not granted`,
  );
}

function unreachablePerson(authorizationUrl: string): UsageError {
  return new UsageError(
    'sign-in.needed',
    `open ${authorizationUrl} in a browser on this machine within 5 minutes to sign in, then try again`,
  );
}
