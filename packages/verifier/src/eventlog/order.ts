/**
 * Who wrote an event, and whether events stand where they may stand.
 *
 * A guest agent extends the events of a launch into RTMR3 (or PCR 13), ends them with one of a fixed
 * name, and starts the application, which can extend the same register and use the same names. So
 * only what stands before that end is the platform's. For this to be certain, every event up to it
 * has to be readable: one that is not could be the true end, or the true event of a name that the
 * application then used for its own.
 *
 * Which events a launch has: dstack, "RTMR3 launch events"; Google, Confidential Space launcher.
 *
 * @module
 */

import { toHex } from '@vitrine/documents/evidence';
import type { Origin } from './authenticated-event.ts';
import type { Bank, EventLog, LogEvent } from './event-log.ts';
import { hashIn } from './hash.ts';
import type { ReplayedEvent } from './replay.ts';

export type Order =
  | { readonly ok: true; readonly origins: readonly Origin[] }
  | { readonly ok: false; readonly problem: string };

/** What a launch is made of. */
interface Launch {
  readonly end: string;
  /** Names that only the platform may use. */
  readonly reserved: ReadonlySet<string>;
  /** Names that a launch may have more than once. */
  readonly repeatable: ReadonlySet<string>;
}

const DSTACK: Launch = {
  end: 'system-ready',
  reserved: new Set([
    'system-preparing',
    'app-id',
    'compose-hash',
    'init-script-hash',
    'gpu-policy-hash',
    'gpu-attestation',
    'instance-id',
    'boot-mr-done',
    'os-image-hash',
    'key-provider',
    'storage-fs',
    'system-ready',
    // Of older releases.
    'rootfs-hash',
    'ca-cert-hash',
  ]),
  repeatable: new Set(['init-script-hash']),
};

/** By the type of a COS content. */
const COS_NAMES: readonly string[] = [
  'image-reference',
  'image-digest',
  'restart-policy',
  'image-id',
  'argument',
  'environment',
  'override-argument',
  'override-environment',
  'launch-separator',
  'memory-monitor',
  'gpu-cc-mode',
  'gpu-device-attestation-binding',
];

const COS: Launch = {
  end: 'launch-separator',
  reserved: new Set(COS_NAMES),
  repeatable: new Set([
    'argument',
    'environment',
    'override-argument',
    'override-environment',
    'gpu-device-attestation-binding',
  ]),
};

/** The registers that firmware closes with a separator (PFP 1.05, section 3.3.4). */
const FIRMWARE_PCRS: ReadonlySet<string> = new Set(Array.from({ length: 8 }, (_, index) => `pcr${index}`));

/** The measured name of a launch event; `undefined` for events of firmware. */
export function launchName({ content }: LogEvent): string | undefined {
  if (content.kind === 'runtime') return content.name;
  return content.kind === 'cos' ? (COS_NAMES[content.type] ?? `cos-${content.type}`) : undefined;
}

/** Judges the order of events that were replayed and whose payloads were found good. */
export async function judgeOrder(log: EventLog, events: readonly ReplayedEvent[], bank: Bank): Promise<Order> {
  switch (log.format) {
    case 'dstack':
      return judgeLaunch(events, DSTACK, ({ register }) => register === 'rtmr3');
    case 'cel':
      return judgeLaunch(events, COS, () => true);
    case 'tcg':
      return judgeSeparators(events, bank);
    case 'ccel':
      // An RTMR stands for several PCRs, so real logs have several separators in one.
      return { ok: true, origins: events.map(({ event }) => registerOrigin(event.register)) };
  }
}

/** Who extends a register that has no launch events (PFP 1.05, section 3.3.4; UEFI 2.10, section 38). */
function registerOrigin(register: string): Origin {
  if (FIRMWARE_PCRS.has(register) || register === 'rtmr0' || register === 'rtmr1') return 'platform';
  return register === 'rtmr3' ? 'application' : 'system';
}

function judgeLaunch(
  events: readonly ReplayedEvent[],
  launch: Launch,
  inLaunchRegister: (event: LogEvent) => boolean,
): Order {
  const seen = new Set<string>();
  const origins: Origin[] = [];
  let ended = false;
  for (const { event } of events) {
    const name = launchName(event);
    if (!inLaunchRegister(event)) {
      if (name !== undefined) return wrong(`a launch event "${name}" in ${event.register}`);
      origins.push(registerOrigin(event.register));
      continue;
    }
    origins.push(ended ? 'application' : 'platform');
    if (name === undefined) {
      if (!ended) return wrong(`an event before "${launch.end}" whose name and payload are not measured`);
      continue;
    }
    if (ended) {
      if (launch.reserved.has(name)) return wrong(`"${name}" after "${launch.end}", where the application writes`);
      continue;
    }
    // In version 1 a colon ends the name: the same digest could be read as another name.
    if (event.content.kind === 'runtime' && event.content.version === 1 && name.includes(':'))
      return wrong(`the name ${JSON.stringify(name)} has a colon, so that it can be read in two ways`);
    if (seen.has(name) && !launch.repeatable.has(name)) return wrong(`"${name}" stands there twice`);
    seen.add(name);
    ended = name === launch.end;
  }
  const launched = events.some(({ event }) => inLaunchRegister(event));
  if (launched && !ended) {
    return wrong(`no "${launch.end}", so nothing tells the platform's events from the application's`);
  }
  return { ok: true, origins };
}

/** One separator ends the firmware's events in each of PCR 0 to 7; it is known by its digest, not by its type. */
async function judgeSeparators(events: readonly ReplayedEvent[], bank: Bank): Promise<Order> {
  const separators = await separatorDigests(bank);
  const seen = new Set<string>();
  for (const { event, digest } of events) {
    if (!FIRMWARE_PCRS.has(event.register) || !separators.has(toHex(digest))) continue;
    if (seen.has(event.register)) return wrong(`two separators in ${event.register}`);
    seen.add(event.register);
  }
  return { ok: true, origins: events.map(({ event }) => registerOrigin(event.register)) };
}

/** Digests of EV_SEPARATOR with the two values that stand for success, hexadecimal. */
export async function separatorDigests(bank: Bank): Promise<ReadonlySet<string>> {
  const values = [new Uint8Array(4), new Uint8Array(4).fill(0xff)];
  return new Set(await Promise.all(values.map(async (value) => toHex(await hashIn(bank, value)))));
}

function wrong(problem: string): Order {
  return { ok: false, problem };
}
