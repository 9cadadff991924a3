/**
 * The firmware's event log of a TD (CCEL), with the one event that the enclave adds: the manifest in RTMR3.
 *
 * A log explains registers and proves nothing. So it goes out only where it replays to the registers that this
 * machine has now; a log that does not would make a verifier refuse evidence that is good without it.
 *
 * Read here is no more than what the replay needs: index, type and the SHA-384 digest of each event. Verifiers
 * read it with a parser of their own.
 *
 * Formats: UEFI 2.10, section 38 (RTMR0 to RTMR3 are the indexes 1 to 4); TCG PC Client Platform Firmware Profile
 * 1.05, section 10.2 (TCG_PCR_EVENT2, TCG_EfiSpecIDEvent) and 10.4.1 (EV_EVENT_TAG).
 *
 * @module
 */
import { concatBytes, fromHex, sameBytes } from '@vitrine/documents';
import type { DeviceFiles } from '../device-files.ts';
import { errnoOf } from './errno.ts';
import { extended, MEASUREMENT_BYTES, readMeasurement } from './rtmr.ts';

export const CCEL_DATA = '/sys/firmware/acpi/tables/data/CCEL';

/** What verifiers read at most. */
const MAX_LOG_BYTES = 2 * 1024 * 1024;
/** What is sent with each piece of evidence; real logs have up to 40 kB without their padding. */
const MAX_SENT_BYTES = 256 * 1024;
const SHA384 = 0x000c;
const EV_NO_ACTION = 3;
const EV_EVENT_TAG = 6;
const SPEC_ID_EVENT = new TextEncoder().encode('Spec ID Event03\0');
const REGISTERS = 4;
const RTMR3_INDEX = 4;
/** Of the tagged event: it says whose data follows. */
const TAG = 0x56495452;
const TAG_DATA = new TextEncoder().encode('vitrine/manifest');

export interface CcelOptions {
  readonly files: DeviceFiles;
  /** SHA-384, 96 lower-case hexadecimal digits. */
  readonly manifestDigest: string;
  /** {@link CCEL_DATA} unless given. */
  readonly path?: string;
  /** Where the registers are, as for `measureIntoRtmr`. */
  readonly root?: string;
}

/** The log, or why none is sent. */
export type CcelEventLog =
  | { readonly log: Uint8Array<ArrayBuffer> }
  | { readonly log?: undefined; readonly reason: string };

/** Reads the log, to be called once the manifest is measured: the registers do not change after that. */
export async function ccelEventLog(options: CcelOptions): Promise<CcelEventLog> {
  const { files, path = CCEL_DATA } = options;
  const digest = fromHex(options.manifestDigest);
  if (digest?.length !== MEASUREMENT_BYTES) return { reason: 'the manifest digest is none' };
  const raw = await readLog(files, path);
  if (raw instanceof Uint8Array) {
    const firmware = readEvents(raw);
    if (firmware === undefined) return { reason: `${path} is not a log of SHA-384 events alone` };
    const registers = await readRegisters(options);
    if (registers === undefined) return { reason: 'the kernel shows no registers to compare the log with' };
    const zero = new Uint8Array(MEASUREMENT_BYTES);
    const isExtended = sameBytes(registers[RTMR3_INDEX - 1] ?? zero, extended(zero, digest));
    const events = isExtended ? [...firmware.events, { index: RTMR3_INDEX, digest }] : firmware.events;
    const wrong = replay(events).findIndex((value, index) => !sameBytes(value, registers[index] ?? zero));
    if (wrong >= 0) return { reason: `${path} does not replay to RTMR${wrong}` };
    const log = concatBytes(raw.subarray(0, firmware.end), isExtended ? manifestEvent(digest) : new Uint8Array());
    return log.length <= MAX_SENT_BYTES ? { log } : { reason: `${path} has ${log.length} bytes, too many to send` };
  }
  return raw;
}

async function readLog(files: DeviceFiles, path: string): Promise<Uint8Array<ArrayBuffer> | { reason: string }> {
  try {
    return await files.read(path, MAX_LOG_BYTES);
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return { reason: code === 'ENOENT' ? `there is no ${path}` : `${path} cannot be read (${code})` };
  }
}

async function readRegisters(options: CcelOptions): Promise<readonly Uint8Array[] | undefined> {
  const registers: Uint8Array[] = [];
  for (let index = 0; index < REGISTERS; index++) {
    const value = await readMeasurement(options, `rtmr${index}:sha384`);
    if (value === undefined) return undefined;
    registers.push(value);
  }
  return registers;
}

interface LoggedEvent {
  /** 1 to 4. */
  readonly index: number;
  readonly digest: Uint8Array;
}

function replay(events: readonly LoggedEvent[]): readonly Uint8Array[] {
  const registers = Array.from({ length: REGISTERS }, (): Uint8Array => new Uint8Array(MEASUREMENT_BYTES));
  for (const { index, digest } of events) {
    const old = registers[index - 1];
    if (old !== undefined) registers[index - 1] = extended(old, digest);
  }
  return registers;
}

/** Everything that was extended, and where the padding begins; `undefined` for anything else than a log of SHA-384 alone. */
function readEvents(
  bytes: Uint8Array<ArrayBuffer>,
): { readonly events: readonly LoggedEvent[]; readonly end: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 32 || view.getUint32(4, true) !== EV_NO_ACTION) return undefined;
  const head = bytes.subarray(32, 32 + view.getUint32(28, true));
  if (!sameBytes(head.subarray(0, SPEC_ID_EVENT.length), SPEC_ID_EVENT) || !isSha384Alone(head)) return undefined;
  const events: LoggedEvent[] = [];
  let at = 32 + view.getUint32(28, true);
  while (at < bytes.length && !isPadding(bytes, at)) {
    // Index, type, count of digests, algorithm, digest, size of the data, data.
    if (at + 14 + MEASUREMENT_BYTES + 4 > bytes.length) return undefined;
    const [index, type] = [view.getUint32(at, true), view.getUint32(at + 4, true)];
    if (view.getUint32(at + 8, true) !== 1 || view.getUint16(at + 12, true) !== SHA384) return undefined;
    const size = view.getUint32(at + 14 + MEASUREMENT_BYTES, true);
    if (type !== EV_NO_ACTION) {
      if (index < 1 || index > REGISTERS) return undefined;
      events.push({ index, digest: bytes.subarray(at + 14, at + 14 + MEASUREMENT_BYTES) });
    }
    at += 14 + MEASUREMENT_BYTES + 4 + size;
    if (at > bytes.length) return undefined;
  }
  return { events, end: at };
}

/** TCG_EfiSpecIDEvent whose only algorithm is SHA-384: an event of ours has one digest. */
function isSha384Alone(head: Uint8Array): boolean {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  return (
    head.length >= 32 &&
    view.getUint32(24, true) === 1 &&
    view.getUint16(28, true) === SHA384 &&
    view.getUint16(30, true) === MEASUREMENT_BYTES
  );
}

/** The table has a fixed size: EDK2 fills it with 0xff, td-shim with zeros. No event begins like that. */
function isPadding(bytes: Uint8Array, at: number): boolean {
  const fill = bytes[at];
  return (fill === 0 || fill === 0xff) && bytes.subarray(at, at + 12).every((byte) => byte === fill);
}

/** TCG_PCR_EVENT2 of the manifest. Its data is a name: the manifest itself goes out beside the log. */
function manifestEvent(digest: Uint8Array): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array(14);
  const headView = new DataView(head.buffer);
  headView.setUint32(0, RTMR3_INDEX, true);
  headView.setUint32(4, EV_EVENT_TAG, true);
  headView.setUint32(8, 1, true);
  headView.setUint16(12, SHA384, true);
  const tagged = new Uint8Array(12);
  const taggedView = new DataView(tagged.buffer);
  taggedView.setUint32(0, 8 + TAG_DATA.length, true);
  taggedView.setUint32(4, TAG, true);
  taggedView.setUint32(8, TAG_DATA.length, true);
  return concatBytes(head, digest, tagged, TAG_DATA);
}
