import { createHash } from 'node:crypto';
import { concatBytes } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readVector } from '../../../../test/vectors.ts';
import { emulatedRegisters, type TdRegisterValues } from '../../../simulator/src/index.ts';
import { parseEventLog } from '../../../verifier/src/eventlog/parse.ts';
import { replay } from '../../../verifier/src/eventlog/replay.ts';
import { type EventLogOutcome, verifyEventLog } from '../../../verifier/src/eventlog/verify-eventlog.ts';
import type { DeviceFiles } from '../device-files.ts';
import { CCEL_DATA, ccelEventLog } from './ccel.ts';
import { errnoError } from './errno.ts';
import { measureIntoRtmr } from './rtmr.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const DIGEST = 'ab'.repeat(48);
const POLICY = {
  log: 'required',
  rtmrs: 'all',
  pcrs: ['pcr0'],
  secureBoot: 'any',
  applicationEvents: 'any',
  launchEvents: 'any',
  digests: 'any',
} as const;

const u32 = (value: number): Bytes => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
};
const u16 = (value: number): Bytes => Uint8Array.of(value & 0xff, value >> 8);
const sha384 = (...parts: readonly Uint8Array[]): Bytes =>
  Uint8Array.from(
    createHash('sha384')
      .update(concatBytes(...parts))
      .digest(),
  );

/** TCG_EfiSpecIDEvent with these algorithms. */
function specId(algorithms: readonly (readonly [id: number, size: number])[] = [[0x0c, 48]], index = 1): Bytes {
  const data = concatBytes(
    new TextEncoder().encode('Spec ID Event03\0'),
    u32(0),
    Uint8Array.of(0, 2, 0, 2),
    u32(algorithms.length),
    ...algorithms.flatMap(([id, size]) => [u16(id), u16(size)]),
    Uint8Array.of(0),
  );
  return concatBytes(u32(index), u32(3), new Uint8Array(20), u32(data.length), data);
}

interface Event {
  readonly index: number;
  readonly type: number;
  readonly digest: Bytes;
}

const event = ({ index, type, digest }: Event): Bytes =>
  concatBytes(u32(index), u32(type), u32(1), u16(0x0c), digest, u32(3), Uint8Array.of(1, 2, 3));

const EVENTS: readonly Event[] = [
  { index: 1, type: 0x80000008, digest: sha384(u32(1)) },
  { index: 1, type: 0x80000008, digest: sha384(u32(2)) },
  { index: 2, type: 0x80000003, digest: sha384(u32(3)) },
  { index: 0, type: 3, digest: new Uint8Array(48) },
  { index: 3, type: 13, digest: sha384(u32(4)) },
];

function registersOf(
  events: readonly Event[],
): Required<Pick<TdRegisterValues, 'rtmr0' | 'rtmr1' | 'rtmr2' | 'rtmr3'>> {
  const value = (index: number): string =>
    Buffer.from(
      events
        .filter((one) => one.index === index && one.type !== 3)
        .reduce((old, { digest }) => sha384(old, digest), new Uint8Array(48)),
    ).toString('hex');
  return { rtmr0: value(1), rtmr1: value(2), rtmr2: value(3), rtmr3: value(4) };
}

function log(events: readonly Event[] = EVENTS, fill = 0xff, head: Bytes = specId()): Bytes {
  return concatBytes(head, ...events.map(event), new Uint8Array(200).fill(fill));
}

/** A machine with this log; what else is read of it are registers. */
function machine(ccel: Uint8Array | string, values: TdRegisterValues): DeviceFiles {
  const { files } = emulatedRegisters(values);
  return {
    ...files,
    read: async (path, limit) => {
      if (path !== CCEL_DATA) return files.read(path, limit);
      if (typeof ccel === 'string') throw errnoError(ccel, 'open');
      return Uint8Array.from(ccel);
    },
  };
}

async function verified(sent: Bytes, files: DeviceFiles): Promise<EventLogOutcome> {
  const names = ['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'];
  const registers = Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [
        name,
        Buffer.from(await files.read(`/sys/devices/virtual/misc/tdx_guest/measurements/${name}:sha384`, 48)).toString(
          'hex',
        ),
      ]),
    ),
  );
  return verifyEventLog(sent, { registers, policy: POLICY, anchor: 'test' });
}

describe('a log that explains the registers', () => {
  for (const fill of [0xff, 0]) {
    promise('P3', `filled with ${fill} gets the event of the manifest, and verifies`, async () => {
      const files = machine(log(EVENTS, fill), registersOf(EVENTS));
      await measureIntoRtmr({ files }, DIGEST);
      const { log: sent = new Uint8Array() } = await ccelEventLog({ files, manifestDigest: DIGEST });
      const { checks, events } = await verified(sent, files);
      expect(checks.filter(({ status }) => status !== 'passed').map(({ id }) => id)).toEqual([
        'eventlog.secure-boot',
        'eventlog.content',
      ]);
      expect(events.at(-1)).toMatchObject({ register: 'rtmr3', digest: DIGEST, type: 'EV_EVENT_TAG' });
      expect(events).toHaveLength(5);
    });
  }

  test('is sent as it is where the manifest is in MRCONFIGID', async () => {
    const files = machine(log(), { ...registersOf(EVENTS), mrconfigid: DIGEST });
    await measureIntoRtmr({ files }, DIGEST);
    const { log: sent = new Uint8Array() } = await ccelEventLog({ files, manifestDigest: DIGEST });
    expect(sent).toEqual(log().subarray(0, -200));
    expect((await verified(sent, files)).events).toHaveLength(4);
  });

  promise.unless(missingVectors, 'P3', 'of a real machine gets its event too, and verifies', async () => {
    const ccel = readVector('eventlog/coco-ccel_data.bin');
    // What the log replays to stands for the registers of that machine.
    const registers = await replay(parseEventLog(ccel, 'ccel'), 'sha384');
    const files = machine(ccel, registers);
    await measureIntoRtmr({ files }, DIGEST);
    const { log: sent = new Uint8Array() } = await ccelEventLog({ files, manifestDigest: DIGEST });
    expect((await verified(sent, files)).checks.find(({ id }) => id === 'eventlog.replay')?.status).toBe('passed');
  });
});

describe('no log is sent', () => {
  const good = registersOf(EVENTS);
  const cases: readonly [what: string, ccel: Uint8Array | string, values: TdRegisterValues, reason: RegExp][] = [
    ['where there is none', 'ENOENT', good, /there is no/],
    ['that may not be read', 'EACCES', good, /EACCES/],
    ['that is empty', new Uint8Array(), good, /not a log/],
    ['that misses an event', log(EVENTS.slice(1)), good, /does not replay to RTMR0/],
    ['that has one more', log([...EVENTS, EVENTS[2] as Event]), good, /does not replay to RTMR1/],
    ['where something else went into RTMR3', log(), { ...good, rtmr3: 'ab'.repeat(48) }, /does not replay to RTMR3/],
    [
      'with a second algorithm',
      log(
        EVENTS,
        0xff,
        specId([
          [0x0c, 48],
          [0x0b, 32],
        ]),
      ),
      good,
      /not a log/,
    ],
    ['of another algorithm', log(EVENTS, 0xff, specId([[0x0b, 32]])), good, /not a log/],
    ['that is cut in an event', log().subarray(0, -210), good, /not a log/],
    ['of a register that is none', log([{ index: 5, type: 13, digest: sha384() }]), good, /not a log/],
    [
      'whose last event is too long',
      concatBytes(specId(), u32(1), u32(13), u32(1), u16(0x0c), new Uint8Array(48), u32(9)),
      good,
      /not a log/,
    ],
  ];
  test.each(cases)('%s', async (_what, ccel, values, reason) => {
    const sent = await ccelEventLog({ files: machine(ccel, values), manifestDigest: DIGEST });
    expect(sent).toEqual({ reason: expect.stringMatching(reason) });
  });

  test('where the kernel shows no registers', async () => {
    const sent = await ccelEventLog({ files: machine(log(), good), manifestDigest: DIGEST, root: '/sys/none' });
    expect(sent).toEqual({ reason: expect.stringMatching(/no registers/) });
  });

  test('that is too long to go with every piece of evidence', async () => {
    const many = Array.from({ length: 4000 }, () => EVENTS[0] as Event);
    const sent = await ccelEventLog({ files: machine(log(many), registersOf(many)), manifestDigest: DIGEST });
    expect(sent).toEqual({ reason: expect.stringMatching(/too many to send/) });
  });
});
