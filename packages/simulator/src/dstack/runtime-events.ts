/**
 * The run-time events of an emulated dstack machine, and the registers that they lead to.
 *
 * An event extends RTMR3 by SHA-384 of its preimage: in version 1 type, name and payload joined by colons, in version 2
 * their canonical JSON. RTMR0 to RTMR2 have one event each that says that nothing was measured.
 *
 * dstack, `cc-eventlog`.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { canonicalBytes, concatBytes, toHex } from '@vitrine/documents';
import type { Registers } from '../registers.ts';

const RUNTIME_EVENT = 0x08000001;
/** EV_EVENT_TAG: its digest need not be that of its payload. */
const TAG_EVENT = 6;

export interface RuntimeEvent {
  readonly name: string;
  readonly payload: Uint8Array;
}

/** What an agent shows of one event. */
interface ShownEvent {
  readonly imr: number;
  readonly event_type: number;
  readonly digest: string;
  readonly event: string;
  readonly event_payload: string;
  readonly version?: 2;
  readonly preimage?: string;
}

/** @param version - Of the events: 1 in releases 0.5, 2 from 0.6 on. */
function preimageOf({ name, payload }: RuntimeEvent, version: 1 | 2): Uint8Array {
  if (version === 2) return canonicalBytes({ name, payload: toHex(payload), type: RUNTIME_EVENT });
  const type = Uint8Array.of(
    RUNTIME_EVENT & 0xff,
    (RUNTIME_EVENT >> 8) & 0xff,
    (RUNTIME_EVENT >> 16) & 0xff,
    RUNTIME_EVENT >>> 24,
  );
  const colon = Uint8Array.of(0x3a);
  return concatBytes(type, colon, new TextEncoder().encode(name), colon, payload);
}

/** The registers after these events. */
export function measuredRegisters(release: string, events: readonly RuntimeEvent[], version: 1 | 2): Registers {
  const zero = new Uint8Array(48);
  const extend = (register: Uint8Array, digest: Uint8Array): Uint8Array => sha384(concatBytes(register, digest));
  const rtmr3 = events.reduce<Uint8Array>(
    (register, event) => extend(register, sha384(preimageOf(event, version))),
    zero,
  );
  const [rtmr0, rtmr1, rtmr2] = [0, 1, 2].map((index) => toHex(extend(zero, firmwareDigest(release, index))));
  return {
    mrtd: toHex(sha384(new TextEncoder().encode(`vitrine simulator ${release}, dstack, not measured: mrtd`))),
    rtmr0: rtmr0 as string,
    rtmr1: rtmr1 as string,
    rtmr2: rtmr2 as string,
    rtmr3: toHex(rtmr3),
  };
}

/** The log as agents hand it out. From version 2 on they leave out digests of run-time events, which follow from the preimage. */
export function shownEvents(release: string, events: readonly RuntimeEvent[], version: 1 | 2): readonly ShownEvent[] {
  const firmware = [0, 1, 2].map((imr) => ({
    imr,
    event_type: TAG_EVENT,
    digest: toHex(firmwareDigest(release, imr)),
    event: '',
    event_payload: '',
  }));
  const runtime = events.map((event) => {
    const preimage = preimageOf(event, version);
    const shown = { imr: 3, event_type: RUNTIME_EVENT, event: event.name, event_payload: toHex(event.payload) };
    return version === 1
      ? { ...shown, digest: toHex(sha384(preimage)) }
      : { ...shown, digest: '', version, preimage: toHex(preimage) };
  });
  return [...firmware, ...runtime];
}

function firmwareDigest(release: string, index: number): Uint8Array {
  return sha384(new TextEncoder().encode(`vitrine simulator ${release}, dstack, not measured: rtmr${index}`));
}

function sha384(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha384').update(bytes).digest());
}
