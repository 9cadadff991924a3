/**
 * From a method and its parameters to what it means, and to the one step that uses the key.
 *
 * Nothing is decided here, and nothing is signed before `finish` is called.
 *
 * @module
 */
import { concatBytes, type KeySpec, type Shape, toBase64Url } from '@vitrine/documents';
import { contextBytes, contextIntent } from '../context/context-bytes.ts';
import { hexText } from '../evm/hex.ts';
import { decodeMessage } from '../evm/message.ts';
import { decodeTransaction, type EvmSignature } from '../evm/transaction.ts';
import { decodeTypedData } from '../evm/typed-data.ts';
import { type Intent, RefusedRequestError } from '../intent.ts';
import { decodeJws } from '../jose/decode-jws.ts';
import type { KeyRing } from '../ring/key-ring.ts';
import { decodeSolanaMessage } from '../solana/decode-message.ts';
import type { Approval } from '../wire.ts';
import { decodeBytes, type KeyMethod, keyMethods, readParameters } from './method-parameters.ts';
import { malformedParameters } from './request-error.ts';

export interface PreparedRequest {
  /** Name of the key. */
  readonly key: string;
  readonly intent: Intent;
  readonly approvals: readonly Approval[];
  /** Uses the key, and gives the method's result. To be called once, after everything has allowed it. */
  finish(): unknown;
}

export interface Surroundings {
  readonly ring: SigningRing;
  /** Whether the key is one of those that must sign; addresses as the chain writes them. */
  readonly signsFor: (key: string, signers: readonly string[]) => boolean;
  readonly specOf: (name: string) => KeySpec;
  readonly now: () => Date;
}

/** The part of the ring that uses keys, after everything has allowed it. */
export type SigningRing = Pick<KeyRing, 'signSecp256k1' | 'signEd25519' | 'signP256' | 'mac' | 'encrypt' | 'decrypt'>;

type Prepare = (params: unknown, surroundings: Surroundings) => PreparedRequest;

const PREPARE: Readonly<Record<KeyMethod, Prepare>> = {
  'evm.signTransaction': (params, { ring, specOf }) => {
    const asked = readAsked(keyMethods['evm.signTransaction'], params, specOf);
    const { intent, hash, assemble } = decodeTransaction(asked.transaction);
    return { ...common(asked), intent, finish: () => assemble(signHash(ring, asked.key, hash)) };
  },
  'evm.signMessage': (params, { ring, specOf }) => {
    const asked = readAsked(keyMethods['evm.signMessage'], params, specOf);
    const { intent, hash } = decodeMessage(asked.message);
    return { ...common(asked), intent, finish: () => ({ signature: signatureText(signHash(ring, asked.key, hash)) }) };
  },
  'evm.signTypedData': (params, { ring, specOf }) => {
    const asked = readAsked(keyMethods['evm.signTypedData'], params, specOf);
    const { intent, hash } = decodeTypedData(asked.typedData);
    return { ...common(asked), intent, finish: () => ({ signature: signatureText(signHash(ring, asked.key, hash)) }) };
  },
  'solana.signMessage': (params, { ring, specOf, signsFor }) => {
    const asked = readAsked(keyMethods['solana.signMessage'], params, specOf);
    const { intent } = decodeSolanaMessage(decodeBytes('message', asked.message));
    if (!signsFor(asked.key, intent.signers)) {
      throw new RefusedRequestError(
        'keys.other-signer',
        `the message is to be signed by ${intent.signers.join(', ')}, and the key ${asked.key} is none of them`,
      );
    }
    return {
      ...common(asked),
      intent,
      finish: () => ({ signature: toBase64Url(ring.signEd25519(asked.key, intent.bytes)) }),
    };
  },
  'jws.sign': (params, { ring, specOf, now }) => {
    const asked = readAsked(keyMethods['jws.sign'], params, specOf);
    const { algorithm, version } = specOf(asked.key);
    const decoded = decodeJws({
      type: asked.type,
      claims: asked.claims,
      algorithm: algorithm === 'p256' ? 'ES256' : 'EdDSA',
      kid: `${asked.key}.${version}`,
      now: Math.floor(now().getTime() / 1000),
    });
    return {
      ...common(asked),
      intent: decoded.intent,
      finish: () => ({ jws: decoded.assemble(signBytes(ring, asked.key, algorithm, decoded.signingInput)) }),
    };
  },
  sign: (params, { ring, specOf }) => {
    const asked = readAsked(keyMethods.sign, params, specOf);
    const message = decodeBytes('message', asked.message);
    const { algorithm } = specOf(asked.key);
    const bytes = contextBytes(asked.context, message);
    return {
      ...common(asked),
      intent: contextIntent('sign', asked.context, message),
      finish: () => ({ signature: toBase64Url(signBytes(ring, asked.key, algorithm, bytes)) }),
    };
  },
  mac: (params, { ring, specOf }) => {
    const asked = readAsked(keyMethods.mac, params, specOf);
    const message = decodeBytes('message', asked.message);
    return {
      ...common(asked),
      intent: contextIntent('mac', asked.context, message),
      finish: () => ({ mac: toBase64Url(ring.mac(asked.key, asked.context, message)) }),
    };
  },
  encrypt: (params, { ring, specOf }) => {
    const asked = readAsked(keyMethods.encrypt, params, specOf);
    const plaintext = decodeBytes('plaintext', asked.plaintext);
    return {
      ...common(asked),
      intent: contextIntent('encrypt', asked.context, plaintext),
      finish: async () => ({ ciphertext: toBase64Url(await ring.encrypt(asked.key, asked.context, plaintext)) }),
    };
  },
  decrypt: (params, { ring, specOf }) => {
    const asked = readAsked(keyMethods.decrypt, params, specOf);
    const ciphertext = decodeBytes('ciphertext', asked.ciphertext);
    return {
      ...common(asked),
      intent: contextIntent('decrypt', asked.context, ciphertext),
      finish: async () => ({ plaintext: toBase64Url(await ring.decrypt(asked.key, asked.context, ciphertext)) }),
    };
  },
};

/** Whether the method uses a key. */
export function isKeyMethod(method: string): method is KeyMethod {
  return Object.hasOwn(PREPARE, method);
}

/**
 * Decodes a request completely.
 *
 * @throws RequestError for parameters of another form; RefusedRequestError for what cannot be read in exactly one way.
 */
export function prepareRequest(method: KeyMethod, params: unknown, surroundings: Surroundings): PreparedRequest {
  return PREPARE[method](params, surroundings);
}

/** @throws RefusedRequestError for a key that the manifest does not name, before its bytes are looked at. */
function readAsked<T extends { readonly key: string }>(
  shape: Shape<T>,
  params: unknown,
  specOf: Surroundings['specOf'],
): T {
  const asked = readParameters(shape, params);
  specOf(asked.key);
  return asked;
}

function common(asked: { readonly key: string; readonly approvals?: readonly Approval[] }): {
  readonly key: string;
  readonly approvals: readonly Approval[];
} {
  return { key: asked.key, approvals: asked.approvals ?? [] };
}

function signHash(ring: SigningRing, key: string, hash: Uint8Array): EvmSignature {
  const { signature, recovery } = ring.signSecp256k1(key, hash);
  // The other two values mean an x beyond the order, for which chains have no sign.
  if (recovery !== 0 && recovery !== 1)
    throw new RefusedRequestError('keys.recovery', 'this cannot be signed; change it');
  return { r: signature.subarray(0, 32), s: signature.subarray(32, 64), recovery };
}

function signatureText({ r, s, recovery }: EvmSignature): string {
  return hexText(concatBytes(r, s, Uint8Array.of(27 + recovery)));
}

function signBytes(ring: SigningRing, key: string, algorithm: KeySpec['algorithm'], bytes: Uint8Array): Uint8Array {
  if (algorithm === 'ed25519') return ring.signEd25519(key, bytes);
  if (algorithm === 'p256') return ring.signP256(key, bytes);
  throw malformedParameters(`the key ${key} is of ${algorithm} and does not sign bytes`);
}
