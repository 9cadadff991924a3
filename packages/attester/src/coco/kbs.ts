/**
 * A resource from a key broker (Trustee's KBS), by its attestation protocol 0.4.0: request, challenge, attestation,
 * response, then the resource itself, encrypted to a key that was made here and that the evidence commits to.
 *
 * The broker learns that a genuine TEE holds the key. The TEE learns who the broker is from TLS alone: the encryption of
 * the resource is to a public key and proves nothing about who made it, so a broker without TLS is refused.
 *
 * Report data is H(JCS of nonce, key and evidence of devices), where H is SHA-384 unless the broker chooses another of
 * those that it was offered. The protocol has no version in the broker's answers: a broker of another version refuses
 * the request. The session is one cookie, kept for the duration of one call.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { canonicalBytes, type JsonValue, UsageError, VitrineError } from '@vitrine/documents';
import { type ExchangeAnswer, exchange, showEndpoint, type UrlEndpoint } from '../http-exchange.ts';
import { readJsonObject, textMember, unexpected } from '../http-json.ts';
import { type CocoGuest, resourcePath } from './guest.ts';
import { openBrokerJwe } from './jwe.ts';
import { createSessionKey, type SessionKeyPair } from './session-key.ts';

export const KBS_PROTOCOL_VERSION = '0.4.0';

const SERVICE = 'the key broker';
const HASHES: readonly string[] = ['sha256', 'sha384', 'sha512'];
const DEFAULT_HASH = 'sha384';
/** Tokens carry all claims of the evidence. */
const MAX_TOKEN_BYTES = 256 * 1024;
const MAX_RESOURCE_BYTES = 1 << 20;
const MAX_NONCE = 1024;
const TIMEOUT_MS = 30_000;
const ATTEMPTS = 5;
const PAUSE_MS = 1_000;
/** The TEEs whose evidence the guest's agent makes; others of the protocol need more than evidence. */
const TEES: readonly string[] = ['tdx', 'snp', 'az-tdx-vtpm', 'az-snp-vtpm'];

export interface KbsOptions {
  readonly kbs: UrlEndpoint;
  readonly guest: CocoGuest;
  /** As the guest service says (`/info`). */
  readonly tee: string;
  /** `repository/type/tag`, or a URI `kbs:///…`. */
  readonly resource: string;
  /** The text that the pod was started with, for brokers whose policy looks into it. */
  readonly initData?: string;
  /** Cryptographically secure. */
  readonly randomBytes: (length: number) => Uint8Array;
  /** Waits between attempts. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** For tests alone: takes the `sample` TEE, which anybody can be. */
  readonly allowSample?: boolean;
  readonly attempts?: number;
  readonly timeoutMs?: number;
}

/**
 * The bytes of the resource. A broker that is not reachable or has no time is asked again, a few times, each with a new
 * key and a new session; a refusal is final.
 *
 * @throws VitrineError `attester.refused` with the broker's own word for why; `attester.busy`, `attester.unavailable`,
 *   `attester.hardware`. UsageError for options that cannot work.
 */
export async function kbsResource(options: KbsOptions): Promise<Uint8Array<ArrayBuffer>> {
  const path = resourcePath(options.resource);
  requirePrivateChannel(options.kbs);
  requireTee(options);
  const attempts = options.attempts ?? ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchOnce(options, path);
    } catch (cause) {
      const again =
        cause instanceof VitrineError && (cause.code === 'attester.busy' || cause.code === 'attester.unavailable');
      if (!again || attempt >= attempts) throw cause;
      await options.sleep(PAUSE_MS * attempt);
    }
  }
}

async function fetchOnce(options: KbsOptions, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const key = createSessionKey(options.randomBytes);
  const opened = await call(options, 'POST', '/auth', {
    version: KBS_PROTOCOL_VERSION,
    tee: options.tee,
    'extra-params': { 'supported-hash-algorithms': HASHES },
  });
  const cookie = sessionCookie(opened);
  const attestation = await attest(options, key, opened.body);
  const attested = await call(options, 'POST', '/attest', attestation, { cookie });
  const token = textMember(
    readJsonObject(attested.body, 'the token of the key broker'),
    'token',
    "the key broker's answer",
  );
  if (!/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(token))
    throw unexpected(`the token of ${SERVICE} is no JWT`);
  // A broker of several processes may know the session in one of them only; the token says the same to all.
  const { body } = await call(options, 'GET', `/resource/${path}`, undefined, {
    cookie,
    authorization: `Bearer ${token}`,
  });
  return openBrokerJwe(body, key.privateKey);
}

async function attest(options: KbsOptions, key: SessionKeyPair, challenge: Uint8Array): Promise<JsonValue> {
  const { nonce, hash } = readChallenge(challenge);
  const digest = (document: JsonValue): Uint8Array => createHash(hash).update(canonicalBytes(document)).digest();
  const runtimeData = { nonce, 'tee-pubkey': { ...key.publicKey } };
  const additional = await options.guest.additionalEvidence(digest(runtimeData));
  const primary = await options.guest.evidence(digest({ ...runtimeData, 'additional-evidence': additional }));
  return {
    ...(options.initData === undefined ? {} : { 'init-data': { format: 'toml', body: options.initData } }),
    'runtime-data': runtimeData,
    'tee-evidence': { primary_evidence: primary, additional_evidence: additional },
  };
}

function readChallenge(body: Uint8Array): { readonly nonce: string; readonly hash: string } {
  const what = `the challenge of ${SERVICE}`;
  const challenge = readJsonObject(body, what);
  const nonce = textMember(challenge, 'nonce', what);
  if (nonce.length === 0 || nonce.length > MAX_NONCE)
    throw unexpected(`"nonce" of ${what} has ${nonce.length} characters`);
  const extra = challenge['extra-params'];
  // Brokers that choose nothing send an empty text here, and an object only where they choose.
  if (extra === undefined || extra === null || extra === '') return { nonce, hash: DEFAULT_HASH };
  if (typeof extra !== 'object' || Array.isArray(extra)) throw unexpected(`"extra-params" of ${what} has another form`);
  const chosen = (extra as Readonly<Record<string, JsonValue>>)['selected-hash-algorithm'];
  if (chosen === undefined) return { nonce, hash: DEFAULT_HASH };
  if (typeof chosen === 'string' && HASHES.includes(chosen.toLowerCase())) return { nonce, hash: chosen.toLowerCase() };
  throw unexpected(
    `${SERVICE} chose the hash algorithm ${JSON.stringify(chosen)}; it was offered ${HASHES.join(', ')}`,
  );
}

function call(
  { kbs, timeoutMs }: KbsOptions,
  method: 'GET' | 'POST',
  path: string,
  json: JsonValue | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<ExchangeAnswer> {
  return exchange(kbs, {
    method,
    path: `/kbs/v0${path}`,
    headers,
    ...(json === undefined ? {} : { json: JSON.stringify(json) }),
    maxBytes: method === 'GET' ? MAX_RESOURCE_BYTES : MAX_TOKEN_BYTES,
    timeoutMs: timeoutMs ?? TIMEOUT_MS,
    service: `${SERVICE} (${path.split('/')[1]})`,
    refused: (status, body) => refusal(kbs, path, status, body),
  });
}

function sessionCookie(answer: ExchangeAnswer): string {
  const found = (answer.headers['set-cookie'] ?? [])
    .map((line) => /^kbs-session-id=([A-Za-z0-9_-]{1,128})(?:;|$)/.exec(line)?.[1])
    .filter((value) => value !== undefined);
  if (found.length === 1) return `kbs-session-id=${found[0]}`;
  throw unexpected(`${SERVICE} set ${found.length} usable cookies "kbs-session-id" with its challenge; expected one`);
}

/** What the broker's words mean to whoever runs the pod. */
const ADVICE: Readonly<Record<string, string>> = {
  PolicyDeny: 'its resource policy does not admit this pod: compare the policy with the evidence',
  TokenNotFound: 'it lost the session between attestation and resource: look whether several brokers share a name',
  AttestationError: `it refused the request or the evidence: its log says why. This is protocol ${KBS_PROTOCOL_VERSION}, and the broker must speak the same`,
  PluginInternalError: 'it could not read the resource: look whether it is registered under this path',
};

/** Errors are problem documents (RFC 7807); of them, only the last part of `type` is shown. */
function refusal(kbs: UrlEndpoint, path: string, status: number, body: Uint8Array): VitrineError {
  const type = problemType(body);
  const advice =
    (type === undefined ? undefined : ADVICE[type]) ??
    (status === 404 ? 'there is no such resource' : 'its log says why');
  return new VitrineError(
    'attester.refused',
    `${SERVICE} at ${showEndpoint(kbs)} refused ${path} with HTTP status ${status}${type === undefined ? '' : ` (${type})`}: ${advice}`,
  );
}

function problemType(body: Uint8Array): string | undefined {
  try {
    const type = textMember(readJsonObject(body, 'an error'), 'type', 'an error');
    return /^https:\/\/github\.com\/confidential-containers\/kbs\/errors\/([A-Za-z]{1,64})$/.exec(type)?.[1];
  } catch {
    return undefined;
  }
}

function requirePrivateChannel({ url, socketPath }: UrlEndpoint): void {
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' };
  const loopback = socketPath === undefined && /^(?:127(?:\.\d+){3}|\[::1\]|localhost)$/.test(hostname);
  if (protocol === 'https:' || (protocol === 'http:' && loopback)) return;
  throw new UsageError(
    'attester.broker-url',
    'the URL of a key broker begins with https://: over plain HTTP anybody on the way could give a secret of their own choice. Give the certificate of its authority where it is not a public one',
  );
}

function requireTee({ tee, allowSample }: KbsOptions): void {
  if (TEES.includes(tee) || (tee === 'sample' && allowSample === true)) return;
  throw new VitrineError(
    'attester.unavailable',
    tee === 'sample'
      ? 'the attestation agent found no TEE here, and a key broker that gives secrets to its sample TEE gives them to everybody'
      : `no key broker can be asked from the TEE ${JSON.stringify(tee)}; supported: ${TEES.join(', ')}`,
  );
}
