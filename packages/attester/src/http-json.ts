/**
 * Reading the JSON of platform services. They run inside the TEE or are asked for what is checked afterwards, and new
 * releases add members: unknown ones are passed over, but every value that is used is checked here.
 *
 * @module
 */
import { fromHex, type JsonValue, parseStrictJson, VitrineError } from '@vitrine/documents';

export type JsonMembers = Readonly<Record<string, JsonValue>>;

const SHOWN = 200;

/**
 * The members of the JSON object that `bytes` are.
 *
 * @param what - Names it in errors, such as `the answer of the guest agent to /Info`.
 * @throws VitrineError `attester.hardware`. The text itself, which may be secret, is not in the message.
 */
export function readJsonObject(bytes: Uint8Array | string, what: string): JsonMembers {
  return asObject(readJson(bytes, what), what);
}

/** Any JSON value. @throws VitrineError `attester.hardware` */
export function readJson(bytes: Uint8Array | string, what: string): JsonValue {
  try {
    return parseStrictJson(typeof bytes === 'string' ? bytes : new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // Without the cause: it could quote the text.
    throw unexpected(`${what} is not strict JSON`);
  }
}

/** @throws VitrineError `attester.hardware` */
export function asObject(value: JsonValue | undefined, what: string): JsonMembers {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonMembers;
  throw unexpected(`${what} is not a JSON object`);
}

/** @throws VitrineError `attester.hardware` */
export function textMember(members: JsonMembers, name: string, what: string): string {
  const value = members[name];
  if (typeof value === 'string') return value;
  throw unexpected(`${what} has no text ${JSON.stringify(name)}`);
}

/** @throws VitrineError `attester.hardware` */
export function hexMember(members: JsonMembers, name: string, what: string): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(textMember(members, name, what));
  if (bytes !== undefined) return bytes;
  throw unexpected(`${JSON.stringify(name)} of ${what} is not lower-case hexadecimal`);
}

/** What a service says of its own failure, fit for a terminal: one line of printable ASCII. */
export function shownText(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]+/g, ' ').trim();
  return clean.length > SHOWN ? `${clean.slice(0, SHOWN)}...` : clean;
}

export function unexpected(message: string): VitrineError {
  return new VitrineError(
    'attester.hardware',
    `${message}; this release of Vitrine and that of the platform may not fit each other`,
  );
}
