/**
 * An emulated key broker: the attestation protocol 0.4.0 of Trustee's KBS on a loopback port, with
 * resources behind a policy, encrypted to the key that the evidence commits to.
 *
 * It checks what the protocol binds: nonce, key and devices in the report data, init-data in MRCONFIGID. Signatures of
 * quotes are for `appraise`, which a test can give; without it anybody's quote counts.
 *
 * @module
 */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { canonicalBytes, concatBytes, type JsonValue, parseStrictJson, toBase64Url, toHex } from '@vitrine/documents';
import { carriedInitDataDigest, initDataDigest } from '@vitrine/documents/launch';
import { emulatedIdentity } from '../emulated-certificate.ts';
import {
  type EmulatedAnswer,
  type EmulatedRequest,
  type HttpFault,
  jsonAnswer,
  startEmulatedServer,
} from '../emulated-http.ts';
import { encryptToSession, type JweFault, type PublicJwk } from './broker-jwe.ts';

export type KbsFault =
  | HttpFault
  | JweFault
  /** The broker expects another nonce than it gave. */
  | 'wrong-nonce'
  /** The broker speaks 0.3. */
  | 'wrong-version'
  | 'unknown-hash'
  | 'no-cookie'
  | 'two-cookies'
  | 'no-jwt'
  /** The resource is refused with 403 and no problem document. */
  | 'forbidden';

/** What a policy decides by. */
export interface KbsClaims {
  readonly resource: string;
  readonly tee: string;
  /** MRTD, hexadecimal; of `tdx` alone. */
  readonly mrtd?: string;
  /** MRCONFIGID, hexadecimal; of `tdx` alone. */
  readonly initData?: string;
}

export interface KbsServerOptions {
  readonly tee: 'sample' | 'tdx';
  /** By `repository/type/tag`. */
  readonly resources: Readonly<Record<string, Uint8Array>>;
  readonly policy: (claims: KbsClaims) => boolean;
  /** Chosen for the runtime data; without it the broker chooses none, which means SHA-384. */
  readonly hash?: 'sha256' | 'sha384' | 'sha512';
  /** Rejects for a quote that it does not accept. */
  readonly appraise?: (quote: Uint8Array<ArrayBuffer>) => Promise<void>;
  /** The time for a certificate of its own; without it the broker speaks plain HTTP. */
  readonly tls?: Date;
  /** How many requests get a 503 before the first answer. */
  readonly busyFor?: number;
  readonly fault?: KbsFault;
}

export interface KbsServer {
  /** Without a path. */
  readonly url: string;
  /** Its certificate in PEM, where it has one. */
  readonly certificate?: string;
  /** Sessions that were opened. */
  sessions(): number;
  close(): Promise<void>;
}

interface Session {
  readonly tee: string;
  readonly nonce: string;
  attested?: { readonly token: string; readonly key: PublicJwk; readonly claims: Omit<KbsClaims, 'resource'> };
}

interface Attestation {
  readonly 'init-data'?: { readonly format: string; readonly body: string };
  readonly 'runtime-data': { readonly nonce: string; readonly 'tee-pubkey': PublicJwk & { readonly alg: string } };
  readonly 'tee-evidence': {
    readonly primary_evidence: Readonly<Record<string, string>>;
    readonly additional_evidence: string;
  };
}

const ERRORS = 'https://github.com/confidential-containers/kbs/errors/';
const HTTP_FAULTS: readonly string[] = [
  'silent',
  'busy',
  'oversized',
  'truncated',
  'redirect',
  'not-json',
] satisfies HttpFault[];
const JWE_FAULTS: readonly string[] = [
  'other-key',
  'rsa1_5',
  'rsa-oaep',
  'zip',
  'dir',
  'ecdh-direct',
  'a128gcm',
  'extra-header',
  'unprotected-header',
  'off-curve',
  'p-384',
  'changed-ciphertext',
  'changed-tag',
  'changed-header',
  'short-tag',
] satisfies JweFault[];

/** Listens on a free loopback port. */
export async function startKbs(options: KbsServerOptions): Promise<KbsServer> {
  const sessions = new Map<string, Session>();
  let left = options.busyFor ?? 0;
  const handle = async (request: EmulatedRequest): Promise<EmulatedAnswer | HttpFault> => {
    const { fault } = options;
    if (fault !== undefined && HTTP_FAULTS.includes(fault)) return fault as HttpFault;
    if (left > 0) {
      left--;
      return 'busy';
    }
    const resource = /^\/kbs\/v0\/resource\/(.+)$/.exec(request.path)?.[1];
    if (request.path === '/kbs/v0/auth' && request.method === 'POST') return authenticate(request, options, sessions);
    if (request.path === '/kbs/v0/attest' && request.method === 'POST') return attest(request, options, sessions);
    if (resource !== undefined && request.method === 'GET') return hand(resource, request, options, sessions);
    return problem(404, 'InvalidRequestPath');
  };
  const identity = options.tls === undefined ? undefined : emulatedIdentity(options.tls);
  const server = await startEmulatedServer(undefined, handle, identity);
  return {
    url: `${identity === undefined ? 'http' : 'https'}://127.0.0.1:${server.port}`,
    ...(identity === undefined ? {} : { certificate: identity.certificate }),
    sessions: () => sessions.size,
    close: server.close,
  };
}

function authenticate(
  { body }: EmulatedRequest,
  { fault, hash, tee }: KbsServerOptions,
  sessions: Map<string, Session>,
): EmulatedAnswer {
  const request = readJson<{ version: string; tee: string; 'extra-params': Record<string, readonly string[]> }>(body);
  const spoken = fault === 'wrong-version' ? '0.3' : '0.4';
  if (!request.version.startsWith(`${spoken}.`) || request.tee !== tee) return problem(401, 'AttestationError');
  const id = randomBytes(16).toString('hex');
  const nonce = randomBytes(32).toString('base64');
  sessions.set(id, { tee: request.tee, nonce: fault === 'wrong-nonce' ? randomBytes(32).toString('base64') : nonce });
  const cookie = `kbs-session-id=${id}; Expires=Fri, 01 Jan 2100 00:00:00 GMT`;
  const selected = fault === 'unknown-hash' ? 'md5' : hash;
  const challenge = { nonce, 'extra-params': selected === undefined ? '' : { 'selected-hash-algorithm': selected } };
  const cookies = fault === 'no-cookie' ? [] : fault === 'two-cookies' ? [cookie, 'kbs-session-id=other'] : [cookie];
  return { ...jsonAnswer(200, challenge), headers: cookies.length === 0 ? {} : { 'Set-Cookie': cookies } };
}

async function attest(
  request: EmulatedRequest,
  options: KbsServerOptions,
  sessions: Map<string, Session>,
): Promise<EmulatedAnswer> {
  const session = sessionOf(request, sessions);
  if (session === undefined) return problem(401, 'AttestationError');
  // Like Trustee's: who attests again in a session gets what was given before.
  if (session.attested !== undefined) return jsonAnswer(200, { token: session.attested.token });
  const attestation = readJson<Attestation>(request.body);
  const runtime = attestation['runtime-data'];
  const { primary_evidence: primary, additional_evidence: additional } = attestation['tee-evidence'];
  if (runtime.nonce !== session.nonce) return problem(401, 'AttestationError');
  const bound = { nonce: session.nonce, 'tee-pubkey': { ...runtime['tee-pubkey'] }, 'additional-evidence': additional };
  const digest = Uint8Array.from(
    createHash(options.hash ?? 'sha384')
      .update(canonicalBytes(bound))
      .digest(),
  );
  const claims = await appraise(session.tee, primary, digest, attestation['init-data']?.body, options);
  if (claims === undefined) return problem(401, 'AttestationError');
  const token =
    options.fault === 'no-jwt' ? 'opaque' : webToken({ ...claims, 'tee-pubkey': { ...runtime['tee-pubkey'] } });
  session.attested = { token, key: runtime['tee-pubkey'], claims };
  return jsonAnswer(200, { token });
}

async function appraise(
  tee: string,
  evidence: Readonly<Record<string, string>>,
  digest: Uint8Array,
  initData: string | undefined,
  { appraise: judge }: KbsServerOptions,
): Promise<Omit<KbsClaims, 'resource'> | undefined> {
  const same = (left: Uint8Array, right: Uint8Array): boolean => Buffer.compare(left, right) === 0;
  // The sample TEE takes run-time data as it is; hardware has 64 bytes of room, with zeros behind a shorter digest.
  if (tee === 'sample') return same(Buffer.from(evidence['report_data'] ?? '', 'base64'), digest) ? { tee } : undefined;
  const quote = Uint8Array.from(Buffer.from(evidence['quote'] ?? '', 'base64'));
  const padded = concatBytes(digest, new Uint8Array(64 - digest.length));
  if (quote.length < 632 || !same(quote.subarray(568, 632), padded)) return undefined;
  const mrConfigId = quote.subarray(232, 280);
  if (initData !== undefined) {
    const expected = carriedInitDataDigest(await initDataDigest(new TextEncoder().encode(initData)), 48);
    if (!same(mrConfigId, expected)) return undefined;
  }
  try {
    await judge?.(quote);
  } catch {
    return undefined;
  }
  return { tee, mrtd: toHex(quote.subarray(184, 232)), initData: toHex(mrConfigId) };
}

function hand(
  resource: string,
  request: EmulatedRequest,
  options: KbsServerOptions,
  sessions: Map<string, Session>,
): EmulatedAnswer {
  const { fault } = options;
  const bearer = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  const attested =
    sessionOf(request, sessions)?.attested ??
    [...sessions.values()].find((one) => one.attested?.token === bearer)?.attested;
  if (attested === undefined) return problem(401, 'TokenNotFound');
  if (fault === 'forbidden') return { status: 403, type: 'text/plain', body: 'secret-canary' };
  if (!options.policy({ resource, ...attested.claims })) return problem(401, 'PolicyDeny');
  const content = Object.hasOwn(options.resources, resource) ? options.resources[resource] : undefined;
  if (content === undefined) return problem(401, 'PluginInternalError');
  const jweFault = fault !== undefined && JWE_FAULTS.includes(fault) ? (fault as JweFault) : undefined;
  return jsonAnswer(200, encryptToSession(content, attested.key, jweFault));
}

function sessionOf({ headers }: EmulatedRequest, sessions: ReadonlyMap<string, Session>): Session | undefined {
  return sessions.get(/(?:^|; )kbs-session-id=([0-9a-f]+)/.exec(headers.cookie ?? '')?.[1] ?? '');
}

/** A token that nobody but this broker has to read. */
function webToken(claims: JsonValue): string {
  const part = (value: JsonValue): string => toBase64Url(canonicalBytes(value));
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', randomBytes(32)).update(signed).digest('base64url')}`;
}

function problem(status: number, type: string): EmulatedAnswer {
  return jsonAnswer(status, { type: `${ERRORS}${type}`, detail: 'secret-canary' });
}

function readJson<T>(body: Uint8Array): T {
  return parseStrictJson(new TextDecoder('utf-8', { fatal: true }).decode(body)) as T;
}
