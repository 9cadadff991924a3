/**
 * The `requestState` that a stateless client carries between two rounds of questions: sealed, so that a
 * client can neither read nor make one, and bound, so that it opens only for the call that it was made for.
 *
 * AES-256-GCM under a key of this gateway's boot. Inside: expiry and the random id of the waiting call.
 * What the state is bound to is authenticated and not stored: whoever presents it has to bring the same
 * principal, capabilities, method and parameters, else it opens as little as one that was never made. Single use is
 * the waiting list's to see to.
 *
 * Specification: MCP 2026-07-28, multi round-trip requests: the state is attacker-controlled input.
 *
 * @module
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { ClientCapabilities } from '@modelcontextprotocol/server';
import { canonicalBytes } from '@vitrine/documents';
import type { Params } from './message.ts';

/** What the first request and its retry have in common. */
export interface StateBinding {
  readonly principal: string;
  readonly capabilities: ClientCapabilities;
  readonly method: string;
  readonly params: Params | undefined;
}

interface OpenedState {
  /** Random id of the waiting call, in hexadecimal. */
  readonly callId: string;
  /** When the state expires, in the milliseconds of the clock that {@link StateSeal.seal} was given. */
  readonly expiresAt: number;
}

export interface StateSeal {
  seal(state: OpenedState, binding: StateBinding): string;
  /** `undefined` for everything that was not sealed here for just this binding; never says why. */
  open(sealed: string, binding: StateBinding): OpenedState | undefined;
}

/** Bytes of a waiting call's id. */
export const CALL_ID_BYTES = 16;

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const EXPIRY_BYTES = 8;
const SEALED_BYTES: number = NONCE_BYTES + EXPIRY_BYTES + CALL_ID_BYTES + TAG_BYTES;

/**
 * @param key - 32 random bytes, made at this boot and used for nothing else.
 * @param random - Gives that many random bytes; nonces come from it.
 */
export function createStateSeal(key: Uint8Array, random: (bytes: number) => Uint8Array): StateSeal {
  return {
    seal(state, binding) {
      const nonce = random(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(boundBytes(binding));
      const expiry = Buffer.alloc(EXPIRY_BYTES);
      expiry.writeDoubleBE(state.expiresAt);
      const inside = Buffer.concat([expiry, Buffer.from(state.callId, 'hex')]);
      const sealed = Buffer.concat([nonce, cipher.update(inside), cipher.final(), cipher.getAuthTag()]);
      return sealed.toString('base64url');
    },
    open(sealed, binding) {
      const bytes = Buffer.from(sealed, 'base64url');
      // Node skips what is not base64url; one state must have one spelling.
      if (bytes.length !== SEALED_BYTES || bytes.toString('base64url') !== sealed) return undefined;
      const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
      decipher.setAAD(boundBytes(binding));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      try {
        const inside = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
        return {
          expiresAt: inside.readDoubleBE(0),
          callId: inside.subarray(EXPIRY_BYTES).toString('hex'),
        };
      } catch {
        return undefined;
      }
    },
  };
}

/** The parameters without what differs between a request and its retry: envelope, answers, state. */
function boundBytes({ principal, capabilities, method, params }: StateBinding): Uint8Array {
  const { _meta, inputResponses: _answers, requestState: _state, ...asked } = params ?? {};
  return canonicalBytes(['vitrine/request-state/v1', principal, capabilities, method, asked]);
}
