/**
 * Hands a secret to an enclave that the user trusts: verifies, encrypts to the key that the evidence of
 * this very connection names, and sends it there.
 *
 * @module
 */
import { type Manifest, type SecretPurpose, UsageError } from '@vitrine/documents';
import type { AttestationResult } from '@vitrine/verifier';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { requireTrust } from '../connect/judge.ts';
import { stateWitness } from '../connect/state-witness.ts';
import type { Trust } from '../connect/trust.ts';
import { RefusedError, UnreachableError } from '../errors.ts';
import type { ProxyFor } from '../net/proxy-environment.ts';
import { type SecretOwner, sealSecret } from './seal-secret.ts';

const PATH = '/.well-known/vitrine/secrets';

export interface SubmitOptions {
  readonly trust: Trust;
  /** Where it is remembered how far the enclave's keys and data have got. */
  readonly pinsFile?: string;
  readonly now: () => Date;
  /** For the attestation of one connection, in milliseconds. */
  readonly timeLimitMs: number;
  readonly proxyFor?: ProxyFor;
  /** A credential or an imported key of the manifest. */
  readonly name: string;
  /** Must rise. */
  readonly version: number;
  /** What was written into a file: of a credential one line end is left out, of a key it is hexadecimal. */
  readonly value: Uint8Array;
  readonly owner: SecretOwner;
}

export interface Submitted {
  readonly name: string;
  readonly purpose: SecretPurpose;
  readonly version: number;
  readonly result: AttestationResult;
}

/**
 * Submits one secret.
 *
 * @throws VerificationError and its like before anything is sent; UsageError for a name that the verified
 *   manifest does not have, or a value that it cannot take; RefusedError (`secret.refused`) with the enclave's reason.
 */
export async function submitSecret(options: SubmitOptions): Promise<Submitted> {
  const { trust, name, version, owner } = options;
  let seen: AttestationResult | undefined;
  const judge = requireTrust(trust, options.now, {
    onAdmitted: (result) => {
      seen = result;
    },
    witness: stateWitness(trust, options.pinsFile),
  });
  const attested = attestedFetch(trust.url, judge, {
    timeLimitMs: options.timeLimitMs,
    ...(options.proxyFor === undefined ? {} : { proxyFor: options.proxyFor }),
  });
  try {
    await attested.prepare();
    const result = seen;
    const { manifest, manifestDigest, hpkeKey } = result?.claims ?? {};
    if (result === undefined || manifest === undefined || manifestDigest === undefined || hpkeKey === undefined) {
      throw new RefusedError(
        'secret.no-key',
        'the server takes no secrets: its manifest names no credential and no imported key; nothing was sent',
      );
    }
    const purpose = purposeOf(manifest, name);
    const value = purpose === 'key' ? keyBytes(options.value) : withoutLineEnd(options.value);
    const sealed = await sealSecret({ name, version, purpose, value, manifestDigest, hpkeKey, owner });
    const response = await attested.fetch(new URL(PATH, trust.url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(sealed),
    });
    const text = await response.text();
    if (response.status !== 200) throw refusal(response.status, text);
    return { name, purpose, version, result };
  } finally {
    await attested.close();
  }
}

function purposeOf({ credentials = {}, keys = {} }: Manifest, name: string): SecretPurpose {
  if (Object.hasOwn(credentials, name)) return 'credential';
  const imported = Object.keys(keys).filter((one) => keys[one]?.origin === 'imported');
  if (imported.includes(name)) return 'key';
  const known = [...Object.keys(credentials), ...imported];
  if (Object.hasOwn(keys, name)) {
    const why = `the key ${name} is ${keys[name]?.origin}: it is made inside and cannot be handed in`;
    throw new UsageError('secret.name', why);
  }
  throw new UsageError(
    'secret.name',
    known.length === 0
      ? `the manifest of this server takes no secrets, so there is no ${JSON.stringify(name)}`
      : `the manifest of this server has no secret ${JSON.stringify(name)}; it has ${known.join(', ')}`,
  );
}

/** Editors and shells end a file with one. */
function withoutLineEnd(value: Uint8Array): Uint8Array {
  const end = value.at(-1) === 0x0a ? (value.at(-2) === 0x0d ? -2 : -1) : undefined;
  return value.slice(0, end);
}

function keyBytes(value: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(withoutLineEnd(value)).replace(/^0x/, '');
  if (!/^[0-9a-fA-F]{64}$/.test(text)) {
    // Never what was found: it may be most of a key.
    throw new UsageError('secret.key', 'an imported key is 32 bytes, written as 64 hexadecimal digits');
  }
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

function refusal(status: number, text: string): Error {
  let said: { readonly code?: unknown; readonly message?: unknown } = {};
  try {
    said = JSON.parse(text) as typeof said;
  } catch {
    // A body that is no error document says nothing.
  }
  const message = typeof said.message === 'string' ? said.message : `the server answered ${status}`;
  if (status === 429 || status === 503) return new UnreachableError('secret.busy', `${message}; try again later`);
  return new RefusedError(typeof said.code === 'string' ? said.code : 'secret.refused', message);
}
