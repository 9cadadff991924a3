/**
 * From the options of `vitrine connect` and `vitrine proxy` to a `fetch` that signs in.
 *
 * @module
 */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { UsageError } from '@vitrine/documents';
import { type FetchLike, outsideFetch } from '../net/outside-fetch.ts';
import type { ProxyFor } from '../net/proxy-environment.ts';
import { isLoopback } from '../server-url.ts';
import { showInBrowser } from './browser.ts';
import type { ClientIdentity } from './client-identity.ts';
import { readHeaderFile, type StaticHeaders, withHeaders } from './header-file.ts';
import { readOAuthClient } from './oauth-client-file.ts';
import { fileTokenStore } from './token-store.ts';
import { withSignIn } from './with-sign-in.ts';

/** Options as they were parsed; absent ones were not given. */
export interface SignInFlags {
  /** `--header-file FILE` */
  readonly headerFile?: string;
  /** `--oauth-client FILE` */
  readonly oauthClient?: string;
  /** `--client-metadata-url URL` */
  readonly clientMetadataUrl?: string;
  /** `--client-credentials` */
  readonly clientCredentials?: boolean;
  /** `--scope SCOPE` */
  readonly scope?: string;
  /** `--callback-port N` */
  readonly callbackPort?: string;
  /** `--no-browser` */
  readonly noBrowser?: boolean;
  /** `--auth-ca FILE` */
  readonly authCa?: string;
}

export interface SignInContext {
  /** Normalised URL of the server. */
  readonly url: string;
  /** The user's Vitrine directory. */
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly proxyFor: ProxyFor;
  /** One line for people, on stderr. */
  readonly report: (line: string) => void;
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array;
  /** Ends everything that is under way. */
  readonly signal: AbortSignal;
  /** Opens an address in a browser; the system's way by default. */
  readonly openBrowser?: (url: string) => Promise<void>;
}

const TIME_LIMIT_MS = 15_000;
const MAX_BYTES = 1 << 20;
const SCOPES = /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/;

/**
 * Reads the files that the options name and returns what wraps the attested `fetch`. Nothing is sent
 * before a request is.
 *
 * @throws UsageError for options and files that are wrong or contradict each other.
 */
export async function signInFromFlags(
  flags: SignInFlags,
  context: SignInContext,
): Promise<(fetch: FetchLike) => FetchLike> {
  const headers = await headersOf(flags, context);
  if (headers['authorization'] !== undefined) {
    refuseBoth(flags);
    return (fetch) => withHeaders(fetch, headers, context.url);
  }
  const client = await identityOf(flags, context);
  const callbackPort = portOf(flags.callbackPort);
  if (flags.scope !== undefined && !SCOPES.test(flags.scope)) {
    throw new UsageError('sign-in.flags', '--scope expects scopes separated by single blanks, such as "read write"');
  }
  const extraCa = flags.authCa === undefined ? undefined : await readCa(flags.authCa);
  const outside = outsideFetch({
    proxyFor: context.proxyFor,
    allowLoopback: isLoopback(context.url),
    timeLimitMs: TIME_LIMIT_MS,
    maxBytes: MAX_BYTES,
    ...(extraCa === undefined ? {} : { extraCa }),
  });
  context.signal.addEventListener('abort', () => void outside.close(), { once: true });
  return (fetch) =>
    withSignIn(withHeaders(fetch, headers, context.url), {
      url: context.url,
      outsideFetch: outside.fetch,
      store: fileTokenStore(context.home, context.url, context.platform),
      client,
      grant: flags.clientCredentials === true ? 'client-credentials' : 'authorization-code',
      interact: showInBrowser({
        openBrowser: flags.noBrowser !== true,
        report: context.report,
        ...(context.openBrowser === undefined ? {} : { open: context.openBrowser }),
      }),
      now: context.now,
      random: context.random,
      signal: context.signal,
      ...(flags.scope === undefined ? {} : { scope: flags.scope }),
      ...(callbackPort === undefined ? {} : { callbackPort }),
    });
}

async function headersOf({ headerFile }: SignInFlags, { platform, report }: SignInContext): Promise<StaticHeaders> {
  return headerFile === undefined ? {} : readHeaderFile(headerFile, platform, report);
}

/** A token in the header file and a sign-in would both be the answer to the same question. */
function refuseBoth(flags: SignInFlags): void {
  const given = [
    flags.oauthClient === undefined ? undefined : '--oauth-client',
    flags.clientMetadataUrl === undefined ? undefined : '--client-metadata-url',
    flags.clientCredentials === true ? '--client-credentials' : undefined,
    flags.scope === undefined ? undefined : '--scope',
  ].filter((name) => name !== undefined);
  if (given.length === 0) return;
  throw new UsageError(
    'sign-in.flags',
    `--header-file has an Authorization header, so ${given.join(' and ')} would have no effect; give one or the other`,
  );
}

async function identityOf(flags: SignInFlags, { platform, report }: SignInContext): Promise<ClientIdentity> {
  const { oauthClient, clientMetadataUrl, clientCredentials } = flags;
  if (clientCredentials === true && oauthClient === undefined) {
    throw new UsageError('sign-in.flags', '--client-credentials needs the client: give it with --oauth-client FILE');
  }
  if (clientCredentials === true && clientMetadataUrl !== undefined) {
    throw new UsageError('sign-in.flags', '--client-credentials takes the client from --oauth-client, not from a URL');
  }
  return {
    ...(oauthClient === undefined ? {} : { registered: await readOAuthClient(oauthClient, platform, report) }),
    ...(clientMetadataUrl === undefined ? {} : { metadataUrl: requireMetadataUrl(clientMetadataUrl) }),
  };
}

function requireMetadataUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url !== undefined && url.username === '' && url.password === '' && url.hash === '';
  if (plain && url.protocol === 'https:' && url.pathname !== '/') return text;
  throw new UsageError(
    'sign-in.flags',
    '--client-metadata-url expects an https URL with a path, such as https://example.com/client.json',
  );
}

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : 0;
  if (port >= 1024 && port <= 65_535) return port;
  throw new UsageError('sign-in.flags', '--callback-port expects a number from 1024 to 65535');
}

async function readCa(file: string): Promise<string> {
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError('file.unreadable', `cannot read ${file}: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const certificate of certificates) new X509Certificate(certificate);
    if (certificates.length > 0) return certificates.join('\n');
  } catch {
    // Reported below, like a file without any.
  }
  throw new UsageError('sign-in.flags', `${file} holds no certificate in PEM`);
}
