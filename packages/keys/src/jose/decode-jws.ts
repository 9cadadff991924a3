/**
 * Tokens: from a type and claims to what is signed. The header is made here and nowhere else, so there is
 * no `crit`, no `b64`, no key of the asker's in it, and no algorithm to choose.
 *
 * Specification: RFC 7515 (compact serialisation), RFC 7519, RFC 8725 (`typ` is always there).
 *
 * @module
 */
import { canonicalBytes, toBase64Url } from '@vitrine/documents';
import { type Intent, RefusedRequestError } from '../intent.ts';
import { checkClaims } from './claims.ts';

export interface JwsRequest {
  /** `typ` of the header, a media type without `application/`. */
  readonly type: string;
  /** A JSON object, as it was parsed. */
  readonly claims: unknown;
  readonly algorithm: 'EdDSA' | 'ES256';
  /** Names the key in the header; the service's choice. */
  readonly kid: string;
  /** The service's time, whole seconds since 1970. */
  readonly now: number;
}

export interface DecodedJws {
  readonly intent: Extract<Intent, { action: 'jws' }>;
  /** Equal to the bytes of the intent. */
  readonly signingInput: Uint8Array;
  /** The token in its compact form. `signature` has 64 bytes: Ed25519, or r ‖ s. */
  assemble(signature: Uint8Array): string;
}

/** Canonical bytes of all claims. */
const MAX_PAYLOAD_BYTES = 16_384;
const SIGNATURE_BYTES = 64;
const TYPE = /^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,63}$/;
/** Types that Vitrine's own statements have, such as receipts. A server that could make them could forge those. */
const OWN_TYPE = /^vitrine/i;

/**
 * Decodes what is asked for, and sets `iat` to `now` where it is absent.
 *
 * @throws RefusedRequestError with a code that begins with `jws.`.
 */
export function decodeJws(request: JwsRequest): DecodedJws {
  const { type, algorithm, kid, now } = request;
  if (!TYPE.test(type)) {
    throw new RefusedRequestError('jws.type', 'the type is no media type without "application/", such as "JWT"');
  }
  if (OWN_TYPE.test(type)) {
    throw new RefusedRequestError(
      'jws.type',
      'types that begin with "vitrine" are for statements of the service itself',
    );
  }
  const { claims, audiences, expires } = checkClaims(request.claims, now);
  const payload = canonicalBytes(claims);
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new RefusedRequestError(
      'jws.size',
      `the claims have ${payload.length} bytes as canonical JSON; at most ${MAX_PAYLOAD_BYTES} are signed`,
    );
  }
  const header = canonicalBytes({ alg: algorithm, kid, typ: type });
  const text = `${toBase64Url(header)}.${toBase64Url(payload)}`;
  const signingInput = new TextEncoder().encode(text);
  return {
    intent: {
      action: 'jws',
      bytes: signingInput,
      type,
      audiences,
      lifetime: expires - now,
      shown: new TextDecoder().decode(payload),
    },
    signingInput,
    assemble: (signature) => {
      if (signature.length !== SIGNATURE_BYTES) {
        throw new TypeError(`a signature of ${signature.length} bytes in place of ${SIGNATURE_BYTES}`);
      }
      return `${text}.${toBase64Url(signature)}`;
    },
  };
}
