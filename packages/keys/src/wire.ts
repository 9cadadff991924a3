/**
 * What a hosted server says to the key service, and what it gets: JSON-RPC 2.0, a message a line, over the
 * socket that it inherits as descriptor 3.
 *
 * Bytes are base64url without padding; what chains write in hexadecimal stays so, with `0x`. There is no
 * method that gives a private key.
 *
 * Specification: JSON-RPC 2.0.
 *
 * @module
 */

/** The descriptor that a hosted server inherits. */
export const KEY_SOCKET = 3;
/** Set to `fd:3` in the environment of a server that has the socket. */
export const KEY_SOCKET_VARIABLE = 'VITRINE_KEYS';
/** Far above any transaction, and little enough to be read at once. */
export const MAX_LINE_BYTES: number = 1 << 20;

export interface Approval {
  readonly approver: string;
  /** The approval document as it was signed, canonical JSON. */
  readonly document: string;
  /** base64url: Ed25519 or P-256 (r ‖ s); for WebAuthn the signature in DER. */
  readonly signature: string;
  /** WebAuthn only, base64url. */
  readonly authenticatorData?: string;
  /** WebAuthn only, base64url. */
  readonly clientData?: string;
}

interface Asked {
  readonly key: string;
  readonly approvals?: readonly Approval[];
}

export interface PublicKey {
  readonly name: string;
  readonly algorithm: string;
  readonly version: number;
  /** Raw, lower-case hexadecimal. */
  readonly publicKey?: string;
  readonly address?: string;
}

/** Parameters and result by method. */
export interface Methods {
  'keys.list': { params: Record<string, never>; result: readonly PublicKey[] };
  /** `transaction` is unsigned and serialised: `0x` and RLP with its type byte. */
  'evm.signTransaction': {
    params: Asked & { readonly transaction: string };
    result: { readonly transaction: string; readonly hash: string };
  };
  /** EIP-191 version 0x45 over the bytes of `message`, `0x` and hexadecimal. */
  'evm.signMessage': { params: Asked & { readonly message: string }; result: { readonly signature: string } };
  /** EIP-712; `typedData` is `{types, primaryType, domain, message}`. */
  'evm.signTypedData': { params: Asked & { readonly typedData: unknown }; result: { readonly signature: string } };
  'solana.signMessage': { params: Asked & { readonly message: string }; result: { readonly signature: string } };
  'jws.sign': {
    params: Asked & { readonly type: string; readonly claims: Readonly<Record<string, unknown>> };
    result: { readonly jws: string };
  };
  sign: {
    params: Asked & { readonly context: string; readonly message: string };
    result: { readonly signature: string };
  };
  encrypt: {
    params: Asked & { readonly context: string; readonly plaintext: string };
    result: { readonly ciphertext: string };
  };
  decrypt: {
    params: Asked & { readonly context: string; readonly ciphertext: string };
    result: { readonly plaintext: string };
  };
  mac: { params: Asked & { readonly context: string; readonly message: string }; result: { readonly mac: string } };
  random: { params: { readonly bytes: number }; result: { readonly bytes: string } };
  /** What would be decided of another request; nothing is signed and no limit is charged. */
  explain: { params: { readonly method: string; readonly params: unknown }; result: Explanation };
  'store.get': {
    params: { readonly collection: string; readonly id: string };
    result: { readonly document: unknown } | null;
  };
  'store.put': {
    params: { readonly collection: string; readonly id: string; readonly document: unknown };
    result: { readonly version: number };
  };
  'store.delete': {
    params: { readonly collection: string; readonly id: string };
    result: { readonly deleted: boolean };
  };
  'store.list': { params: { readonly collection: string }; result: readonly string[] };
}

export type MethodName = keyof Methods;

export interface Explanation {
  readonly decision: 'allow' | 'deny' | 'confirm' | 'approve';
  /** The rules and limits that decided, by id; empty where nothing matched. */
  readonly rules: readonly string[];
  /** One sentence that says why. */
  readonly reason: string;
  /** What the request does, one line each. */
  readonly effects: readonly string[];
  /** What approvers have to sign, canonical JSON; with decision `approve`. */
  readonly approval?: string;
}

/** JSON-RPC error codes of the key service, with a stable text code in `data.code`. */
export const KEY_ERROR = {
  /** The request cannot be read in exactly one way, or is of a kind that is never signed. */
  refused: -32050,
  /** The policy, a limit, or the user said no. `data.rule` names what decided. */
  denied: -32051,
  /** Detached signatures are needed; `data.approval` is what is to be signed. */
  approvalNeeded: -32052,
  /** It could not be decided or kept now, such as with a full disk. Nothing was signed. */
  unavailable: -32053,
} as const;
