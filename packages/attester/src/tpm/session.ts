/**
 * Sessions that are salted to the storage key: what crosses the bus is authenticated in both directions, and the
 * secret parameters are encrypted. Whoever only listens learns nothing.
 *
 * Whoever can put a key of their own in the place of the storage key is in the middle all the same; a TPM whose
 * operator is not trusted is no help in any case.
 *
 * Trusted Platform Module Library, part 1, "Session-Based Authorizations"; part 3, "TPM2_StartAuthSession".
 *
 * @module
 */
import { createECDH, randomBytes, timingSafeEqual } from 'node:crypto';
import { concatBytes } from '@vitrine/documents';
import { type Authorization, runCommand, type TpmHandle } from './run-command.ts';
import { decryptParameter, encryptParameter, hmacSha256, kdfa, kdfe } from './session-crypto.ts';
import { sha256, TpmAlg, TpmRh } from './structures.ts';
import type { TpmTransport } from './transport.ts';
import { type Bytes, finishReader, malformed, openReader, sized, takeSizedExactly, u8, u16, u32 } from './wire.ts';

export interface SaltKey {
  readonly handle: TpmHandle;
  /** 64 bytes. */
  readonly xy: Bytes;
}

export interface TpmSession {
  readonly handle: number;
  /** To authorize one command by. */
  use(options?: SessionUse): Authorization;
}

interface SessionUse {
  /** Encrypts the first parameter of the command. */
  readonly encryptCommand?: true;
  /** Has the TPM encrypt the first parameter of its answer. */
  readonly encryptAnswer?: true;
}

const TYPE = { hmac: 0x00, policy: 0x01 } as const;
const CONTINUE = 0x01;
const DECRYPT_COMMAND = 0x20;
const ENCRYPT_ANSWER = 0x40;
const NONCE_BYTES = 32;
const AES_BITS = 128;

/** Starts a session. It stays loaded until it is flushed. */
export async function startSession(
  transport: TpmTransport,
  salt: SaltKey,
  type: keyof typeof TYPE,
): Promise<TpmSession> {
  const secret = saltedTo(salt);
  const nonceCaller = fresh();
  const { handle, parameters } = await runCommand(transport, {
    what: 'TPM2_StartAuthSession',
    code: 0x0176,
    handles: [salt.handle, { value: TpmRh.null, name: u32(TpmRh.null) }],
    parameters: concatBytes(
      sized(nonceCaller),
      sized(secret.encrypted),
      u8(TYPE[type]),
      u16(TpmAlg.aes),
      u16(AES_BITS),
      u16(TpmAlg.cfb),
      u16(TpmAlg.sha256),
    ),
    answersHandle: true,
  });
  const reader = openReader(parameters, 'the answer to TPM2_StartAuthSession');
  const nonceTpm = takeSizedExactly(reader, NONCE_BYTES, 'the nonce');
  finishReader(reader);
  return sessionOf(handle, kdfa(secret.salt, 'ATH', nonceTpm, nonceCaller), nonceTpm);
}

/** A session with this key, whose objects have the empty password. */
export function sessionOf(handle: number, key: Bytes, firstNonce: Bytes): TpmSession {
  let nonceTpm = firstNonce;
  return {
    handle,
    use(options = {}) {
      const attributes =
        CONTINUE | (options.encryptCommand ? DECRYPT_COMMAND : 0) | (options.encryptAnswer ? ENCRYPT_ANSWER : 0);
      const nonceCaller = fresh();
      return {
        authorize(command) {
          const parameters = options.encryptCommand
            ? onFirst(command.what, command.parameters, (data) => encryptParameter(key, nonceCaller, nonceTpm, data))
            : command.parameters;
          const cpHash = sha256(u32(command.code), ...command.handles.map(({ name }) => name), parameters);
          const hmac = hmacSha256(key, cpHash, nonceCaller, nonceTpm, u8(attributes));
          return { area: concatBytes(u32(handle), sized(nonceCaller), u8(attributes), sized(hmac)), parameters };
        },
        accept(command, parameters, auth) {
          const rpHash = sha256(u32(0), u32(command.code), parameters);
          const expected = hmacSha256(key, rpHash, auth.nonce, nonceCaller, u8(auth.attributes));
          const isGood = auth.hmac.length === expected.length && timingSafeEqual(auth.hmac, expected);
          if (!isGood || auth.attributes !== attributes) {
            throw malformed(`the answer to ${command.what}`, 'its HMAC is not that of the session');
          }
          nonceTpm = auth.nonce;
          return options.encryptAnswer
            ? onFirst(command.what, parameters, (data) => decryptParameter(key, auth.nonce, nonceCaller, data))
            : parameters;
        },
      };
    },
  };
}

/** ECDH of a key made for it with the storage key: the secret, and the point that lets the TPM compute it. */
function saltedTo({ xy }: SaltKey): { readonly salt: Bytes; readonly encrypted: Bytes } {
  const own = createECDH('prime256v1');
  const point = own.generateKeys();
  const x = point.subarray(1, 33);
  const z = own.computeSecret(concatBytes(u8(0x04), xy));
  return {
    salt: kdfe(z, 'SECRET', x, xy.subarray(0, 32)),
    encrypted: concatBytes(sized(x), sized(point.subarray(33))),
  };
}

/** Changes the content of the first parameter, a sized buffer. */
function onFirst(what: string, parameters: Bytes, change: (data: Bytes) => Bytes): Bytes {
  const length = parameters.length < 2 ? undefined : new DataView(parameters.buffer).getUint16(0);
  if (length === undefined || parameters.length < 2 + length) {
    throw malformed(`a parameter of ${what}`, 'it is not a buffer with its length');
  }
  const data = parameters.slice(2, 2 + length);
  return concatBytes(parameters.subarray(0, 2), change(data), parameters.subarray(2 + length));
}

function fresh(): Bytes {
  return Uint8Array.from(randomBytes(NONCE_BYTES));
}
