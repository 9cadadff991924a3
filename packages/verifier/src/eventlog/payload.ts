/**
 * Which bytes of an event its digest stands for. A replay authenticates digests only: a payload is
 * worth something where hashing it gives the digest again, and the TCG defines the digest as a hash
 * of the payload for some types of events only (PFP 1.05, section 10.4.1). Everything else, such as
 * the path of a loaded image or the name of a table, is a hint by whoever carried the log.
 *
 * | event | what is hashed | if it does not match |
 * |---|---|---|
 * | EV_SEPARATOR, EV_ACTION, EV_EFI_ACTION, EV_EFI_VARIABLE_DRIVER_CONFIG, EV_EFI_GPT_EVENT | the payload | refused |
 * | EV_EFI_VARIABLE_BOOT | the variable's data, by some firmware the payload | refused |
 * | EV_S_CRTM_VERSION, EV_EVENT_TAG, EV_NONHOST_INFO, EV_EFI_VARIABLE_AUTHORITY, EV_EFI_VARIABLE_BOOT2 | by some writers the payload | a hint |
 * | EV_IPL of GRUB, `grub_cmd: …` and `kernel_cmdline: …` | the text after the label | a hint |
 * | runtime event of dstack, version 1 | u32le type ‖ ":" ‖ name ‖ ":" ‖ payload | refused |
 * | runtime event of dstack, version 2 | RFC 8785 form of name, payload and type | refused |
 * | COS content in a CEL | the whole content, type and length included | refused |
 *
 * The first row holds for every event of all real logs at hand; in the third, some of them disagree
 * (firmware that hashes another form of the version or the certificate; Linux, whose tagged events
 * stand for the command line and the initial file system).
 *
 * @module
 */

import { canonicalBytes, concatBytes, sameBytes, toHex } from '@vitrine/documents/evidence';
import type { Coverage } from './authenticated-event.ts';
import type { Bank, EventContent, LogEvent } from './event-log.ts';
import { EventType } from './event-types.ts';
import { hashIn } from './hash.ts';

export type Finding =
  | { readonly kind: 'measured'; readonly covers: Coverage; readonly payload: Uint8Array<ArrayBuffer> }
  /** Nothing says that the payload was measured. */
  | { readonly kind: 'hint' }
  /** The digest must be that of the payload and is not. `wanted` is what it would be. */
  | { readonly kind: 'mismatch'; readonly wanted: string };

type RuntimeContent = Extract<EventContent, { kind: 'runtime' }>;

const ALWAYS_DATA: ReadonlySet<number> = new Set([
  EventType.separator,
  EventType.action,
  EventType.efiAction,
  EventType.variableDriverConfig,
  EventType.gptEvent,
]);
const SOMETIMES_DATA: ReadonlySet<number> = new Set([
  EventType.crtmVersion,
  EventType.eventTag,
  EventType.nonhostInfo,
  EventType.variableAuthority,
  EventType.variableBoot2,
]);
const COMMAND_LABELS: readonly string[] = ['grub_cmd: ', 'kernel_cmdline: '];

/** Judges the payload of one event whose `digest` in `bank` is known. */
export async function findPayload(
  { content }: LogEvent,
  digest: Uint8Array<ArrayBuffer>,
  bank: Bank,
  stripped: boolean,
): Promise<Finding> {
  const hashes = async (bytes: Uint8Array<ArrayBuffer>): Promise<boolean> =>
    sameBytes(await hashIn(bank, bytes), digest);
  switch (content.kind) {
    case 'runtime': {
      const preimage = runtimePreimage(content);
      const consistent = content.preimage === undefined || sameBytes(content.preimage, preimage);
      if (consistent && (await hashes(preimage))) return measured('runtime-event', content.payload);
      return { kind: 'mismatch', wanted: toHex(await hashIn(bank, preimage)) };
    }
    case 'cos':
      if (await hashes(content.encoded)) return measured('cel-content', content.payload);
      return { kind: 'mismatch', wanted: toHex(await hashIn(bank, content.encoded)) };
    case 'tcg':
      return findTcgPayload(content.type, content.data, stripped, hashes, bank);
  }
}

async function findTcgPayload(
  type: number,
  data: Uint8Array<ArrayBuffer>,
  stripped: boolean,
  hashes: (bytes: Uint8Array<ArrayBuffer>) => Promise<boolean>,
  bank: Bank,
): Promise<Finding> {
  if (stripped && data.length === 0) return { kind: 'hint' };
  if (type === EventType.ipl) {
    const text = commandText(data);
    return text !== undefined && (await hashes(text)) ? measured('command-text', text) : { kind: 'hint' };
  }
  const always = ALWAYS_DATA.has(type) || type === EventType.variableBoot;
  if (!always && !SOMETIMES_DATA.has(type)) return { kind: 'hint' };
  if (await hashes(data)) return measured('event-data', data);
  if (!always) return { kind: 'hint' };
  const variable = type === EventType.variableBoot ? readVariable(data)?.data : undefined;
  if (variable !== undefined && (await hashes(variable))) return measured('variable-data', variable);
  return { kind: 'mismatch', wanted: toHex(await hashIn(bank, variable ?? data)) };
}

function measured(covers: Coverage, payload: Uint8Array<ArrayBuffer>): Finding {
  return { kind: 'measured', covers, payload };
}

/** The bytes that dstack hashes for a runtime event. */
export function runtimePreimage({ version, name, payload }: RuntimeContent): Uint8Array<ArrayBuffer> {
  if (version === 2) return canonicalBytes({ name, payload: toHex(payload), type: EventType.dstackRuntime });
  const type = new Uint8Array(4);
  new DataView(type.buffer).setUint32(0, EventType.dstackRuntime, true);
  const colon = Uint8Array.of(0x3a);
  return concatBytes(type, colon, new TextEncoder().encode(name), colon, payload);
}

/** UEFI_VARIABLE_DATA (PFP 1.05, section 10.2.6). */
export interface UefiVariable {
  /** Vendor GUID as in memory, hexadecimal. */
  readonly guid: string;
  readonly name: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Reads UEFI_VARIABLE_DATA; `undefined` unless its lengths fill `bytes` exactly. */
export function readVariable(bytes: Uint8Array<ArrayBuffer>): UefiVariable | undefined {
  if (bytes.length < 32) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const nameBytes = view.getBigUint64(16, true) * 2n;
  if (32n + nameBytes + view.getBigUint64(24, true) !== BigInt(bytes.length)) return undefined;
  const end = 32 + Number(nameBytes);
  const name = new TextDecoder('utf-16le').decode(bytes.subarray(32, end));
  return { guid: toHex(bytes.subarray(0, 16)), name, data: bytes.subarray(end) };
}

/** What GRUB hashes of its commands and of the kernel's command line: the text without label and final zeros. */
function commandText(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const start = COMMAND_LABELS.map((label) => new TextEncoder().encode(label)).find((label) =>
    sameBytes(data.subarray(0, label.length), label),
  )?.length;
  if (start === undefined) return undefined;
  let end = data.length;
  while (end > start && data[end - 1] === 0) end--;
  return data.subarray(start, end);
}
