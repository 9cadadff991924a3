/**
 * Parsing of the event log that a dstack guest agent hands out: a JSON list of events, the ones of
 * the firmware without structure and the ones of dstack itself with name and payload (dstack,
 * `cc-eventlog`, versions 1 and 2).
 *
 * Agents shorten their logs: digests of runtime events may be empty, since they follow from name and
 * payload, and payloads of firmware events may be empty, which then prove nothing. Names of firmware
 * events are labels that are measured nowhere; they are read and dropped.
 *
 * @module
 */
import { fromHex, type JsonValue, parseStrictJson } from '@vitrine/documents/evidence';
import { DIGEST_BYTES, type EventLog, type LogEvent, MAX_EVENTS, malformed } from './event-log.ts';
import { EventType } from './event-types.ts';

const MEMBERS: readonly string[] = ['imr', 'event_type', 'digest', 'event', 'event_payload', 'version', 'preimage'];
const LAST_RTMR = 3;
const MAX_UINT32 = 0xffffffff;
/** Real lists have up to 10 kB. Objects cost more to read than their text is long. */
export const MAX_JSON_BYTES: number = 256 * 1024;

type Members = Readonly<Record<string, JsonValue>>;

/** Whether `bytes` begin like a JSON list. Decides nothing but which parser is asked. */
export function looksLikeJsonList(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
  return first === 0x5b;
}

/**
 * Reads the JSON list.
 *
 * @throws MalformedEvidenceError
 */
export function parseDstackLog(bytes: Uint8Array<ArrayBuffer>): EventLog {
  if (bytes.length > MAX_JSON_BYTES) malformed(`a JSON list longer than ${MAX_JSON_BYTES} bytes`);
  const list = readJson(bytes);
  if (!Array.isArray(list)) return malformed('the JSON text is not a list of events');
  if (list.length === 0) malformed('the list has no event');
  if (list.length > MAX_EVENTS) malformed(`more than ${MAX_EVENTS} events`);
  const events = (list as readonly JsonValue[]).map((event, index) => readEvent(event, `event ${index}`));
  return { format: 'dstack', registers: 'rtmr', banks: ['sha384'], startupLocality: 0, events };
}

function readEvent(value: JsonValue, what: string): LogEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return malformed(`${what} is not an object`);
  const members = value as Members;
  const unknown = Object.keys(members).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) {
    malformed(`${what} has a member ${JSON.stringify(unknown)}; only logs of dstack are read from JSON (no CEL-JSON)`);
  }
  const imr = readInteger(members, 'imr', LAST_RTMR, what);
  const type = readInteger(members, 'event_type', MAX_UINT32, what);
  const digest = members['digest'] === undefined ? new Uint8Array() : readHex(members, 'digest', what);
  const payload = readHex(members, 'event_payload', what);
  const name = readText(members, 'event', what);
  const version = members['version'] === undefined ? 1 : readVersion(members, what);
  const runtime = type === EventType.dstackRuntime;
  if (!runtime && (version !== 1 || members['preimage'] !== undefined)) {
    malformed(`${what}: "version" and "preimage" belong to runtime events only`);
  }
  if (digest.length !== DIGEST_BYTES.sha384 && !(runtime && digest.length === 0)) {
    malformed(`${what}: a digest of ${digest.length} bytes, expected ${DIGEST_BYTES.sha384}`);
  }
  const preimage = members['preimage'] === undefined ? {} : { preimage: readHex(members, 'preimage', what) };
  const extended = type !== EventType.noAction;
  if (!extended && digest.some((byte) => byte !== 0)) malformed(`${what}: an EV_NO_ACTION event has a digest`);
  return {
    register: `rtmr${imr}`,
    extended,
    digests: digest.length === 0 ? new Map() : new Map([['sha384', digest]]),
    content: runtime ? { kind: 'runtime', version, name, payload, ...preimage } : { kind: 'tcg', type, data: payload },
  };
}

function readVersion(members: Members, what: string): 1 | 2 {
  const version = readInteger(members, 'version', MAX_UINT32, what);
  return version === 1 || version === 2
    ? version
    : malformed(`${what}: version ${version} is not supported; supported: 1, 2`);
}

function readInteger(members: Members, name: string, maximum: number, what: string): number {
  const value = members[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= maximum) return value;
  return malformed(`${what}: "${name}" is not a whole number from 0 to ${maximum}`);
}

function readText(members: Members, name: string, what: string): string {
  const value = members[name];
  return typeof value === 'string' ? value : malformed(`${what}: "${name}" is not a text`);
}

function readHex(members: Members, name: string, what: string): Uint8Array<ArrayBuffer> {
  return fromHex(readText(members, name, what)) ?? malformed(`${what}: "${name}" is not lower-case hexadecimal`);
}

function readJson(bytes: Uint8Array<ArrayBuffer>): JsonValue {
  try {
    return parseStrictJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    return malformed(cause instanceof Error ? cause.message : 'not JSON', cause);
  }
}
