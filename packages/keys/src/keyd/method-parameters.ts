/**
 * Parameters of the methods that a server can call, read strictly: unknown members, other types and other
 * alphabets are errors.
 *
 * @module
 */
import {
  fromBase64Url,
  type Infer,
  integer,
  list,
  object,
  optional,
  type Shape,
  showPath,
  text,
} from '@vitrine/documents';
import type { Approval } from '../wire.ts';
import { malformedParameters } from './request-error.ts';

/** Fits into a line of the answer. */
export const MAX_RANDOM_BYTES: number = 1 << 19;
const MAX_APPROVALS = 32;

const base64Url = text('unpadded base64url', /^[A-Za-z0-9_-]*$/);
/** Judged by the decoders. */
const hexadecimal = text('0x and hexadecimal digits', /^0x[0-9a-fA-F]*$/);
const context = text('1 to 128 visible characters', /^[\x21-\x7e]{1,128}$/);
const anything: Shape<unknown> = { schema: true, parse: (value) => ({ ok: true, value }) };
const record: Shape<Readonly<Record<string, unknown>>> = {
  schema: { type: 'object' },
  parse: (value, path = []) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? { ok: true, value: value as Readonly<Record<string, unknown>> }
      : { ok: false, issues: [{ path, message: 'expected an object' }] },
};

const approval: Shape<Approval> = object({
  approver: text('the name of an approver', /^[a-z][a-z0-9-]{0,31}$/),
  document: text(),
  signature: base64Url,
  authenticatorData: optional(base64Url),
  clientData: optional(base64Url),
});
const asked = {
  key: text('the name of a key', /^[a-z][a-z0-9-]{0,31}$/),
  approvals: optional(list(approval)),
} as const;
const stored = {
  collection: text('the name of a collection'),
  id: text('the id of a document'),
} as const;

const transaction = object({ ...asked, transaction: hexadecimal });
const message = object({ ...asked, message: hexadecimal });
const typedData = object({ ...asked, typedData: anything });
const solana = object({ ...asked, message: base64Url });
const jws = object({ ...asked, type: text('a typ'), claims: record });
const contextual = object({ ...asked, context, message: base64Url });
const encrypt = object({ ...asked, context, plaintext: base64Url });
const decrypt = object({ ...asked, context, ciphertext: base64Url });

/** By method; those that use a key have `key` and may have `approvals`. */
export const keyMethods: {
  readonly 'evm.signTransaction': Shape<Infer<typeof transaction>>;
  readonly 'evm.signMessage': Shape<Infer<typeof message>>;
  readonly 'evm.signTypedData': Shape<Infer<typeof typedData>>;
  readonly 'solana.signMessage': Shape<Infer<typeof solana>>;
  readonly 'jws.sign': Shape<Infer<typeof jws>>;
  readonly sign: Shape<Infer<typeof contextual>>;
  readonly mac: Shape<Infer<typeof contextual>>;
  readonly encrypt: Shape<Infer<typeof encrypt>>;
  readonly decrypt: Shape<Infer<typeof decrypt>>;
} = {
  'evm.signTransaction': transaction,
  'evm.signMessage': message,
  'evm.signTypedData': typedData,
  'solana.signMessage': solana,
  'jws.sign': jws,
  sign: contextual,
  mac: contextual,
  encrypt,
  decrypt,
};

export type KeyMethod = keyof typeof keyMethods;

const get = object(stored);
const put = object({ ...stored, document: anything });
const listing = object({ collection: stored.collection });
const none = object({});
const random = object({ bytes: integer(1) });
const explain = object({ method: text('a method'), params: anything });

export const otherMethods: {
  readonly 'keys.list': Shape<Infer<typeof none>>;
  readonly random: Shape<Infer<typeof random>>;
  readonly explain: Shape<Infer<typeof explain>>;
  readonly 'store.get': Shape<Infer<typeof get>>;
  readonly 'store.put': Shape<Infer<typeof put>>;
  readonly 'store.delete': Shape<Infer<typeof get>>;
  readonly 'store.list': Shape<Infer<typeof listing>>;
} = {
  'keys.list': none,
  random,
  explain,
  'store.get': get,
  'store.put': put,
  'store.delete': get,
  'store.list': listing,
};

/** @throws RequestError for anything else. */
export function readParameters<T>(shape: Shape<T>, value: unknown): T {
  const parsed = shape.parse(value);
  if (!parsed.ok) {
    const [issue] = parsed.issues;
    throw malformedParameters(`${showPath(issue?.path ?? [])} ${issue?.message ?? 'malformed'}`.trim());
  }
  const { approvals } = parsed.value as { readonly approvals?: readonly Approval[] };
  if ((approvals ?? []).length > MAX_APPROVALS) {
    throw malformedParameters(`expected at most ${MAX_APPROVALS} approvals`);
  }
  return parsed.value;
}

/** @throws RequestError for text that is not the only encoding of its bytes. */
export function decodeBytes(member: string, encoded: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64Url(encoded);
  if (bytes === undefined) throw malformedParameters(`${member} is not canonical unpadded base64url`);
  return bytes;
}
