/**
 * Event logs made for tests, each wrong in exactly one thing.
 */
import { concatBytes, MalformedEvidenceError, toHex, UsageError } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { HardwareClaims } from '../technology.ts';
import {
  ANY_EVENTS,
  ascii,
  type CelRecord,
  type DstackEvent,
  dstackEvent,
  dstackRegisters,
  extend,
  hashOf,
  jsonBytes,
  type MadeEvent,
  makeCcel,
  makeCel,
  makeTpmLog,
  runtimePreimageOf,
  secureBootVariable,
  specIdEvent,
  tcgEvent,
  tlv,
  u16,
  u32,
  uefiVariable,
} from '../testing/event-logs.ts';
import { judgeAttachedEventLog } from './attach.ts';
import { EVENTLOG_CHECKS } from './checks.ts';
import { MAX_JSON_BYTES } from './dstack.ts';
import { MAX_EVENTS, MAX_LOG_BYTES } from './event-log.ts';
import { parseEventLog } from './parse.ts';
import { type EventLogPolicy, eventLogPolicyShape } from './policy.ts';
import { replay } from './replay.ts';
import { type EventLogOutcome, verifyEventLog } from './verify-eventlog.ts';

const IDS = EVENTLOG_CHECKS.map(({ id }) => id);
const SEPARATOR = { type: 4, data: new Uint8Array(4) };
const opaque = (index: number, text: string): MadeEvent => ({
  index,
  type: 0x80000003,
  data: ascii('a path that is not measured'),
  digests: { sha256: hashOf('sha256', ascii(text)), sha384: hashOf('sha384', ascii(text)) },
});
const secureBoot = (index: number, value: number): MadeEvent => ({
  index,
  type: 0x80000001,
  data: secureBootVariable(Uint8Array.of(value)),
});

const GOOD: readonly MadeEvent[] = [
  { index: 0, type: 3, data: ascii('SP800-155 Event3') },
  secureBoot(1, 1),
  { index: 1, ...SEPARATOR },
  opaque(2, 'kernel'),
  { index: 2, type: 0x80000007, data: ascii('Exit Boot Services Invocation') },
  opaque(3, 'initrd'),
];
const GOOD_REGISTERS = registersOf(GOOD);

/** What the hardware holds after these events of a CCEL. */
function registersOf(events: readonly MadeEvent[]): Record<string, string> {
  return extend(
    'sha384',
    'rtmr',
    events
      .filter(({ type }) => type !== 3)
      .map(({ index, data, digests }) => [index - 1, digests?.sha384 ?? hashOf('sha384', data)]),
  );
}

async function judge(
  log: Uint8Array<ArrayBuffer>,
  registers: Readonly<Record<string, string>> = GOOD_REGISTERS,
  changes: Partial<EventLogPolicy> = {},
): Promise<EventLogOutcome> {
  const outcome = await verifyEventLog(log, { registers, policy: { ...ANY_EVENTS, ...changes }, anchor: 'test' });
  expect(outcome.checks.map(({ id }) => id)).toEqual(IDS);
  return outcome;
}

/** The check that decides. */
function deciding({ checks }: EventLogOutcome): string | undefined {
  const found =
    checks.find(({ status }) => status === 'failed') ?? checks.find(({ status }) => status === 'unavailable');
  return found?.id;
}

async function expectRefusal(
  id: string,
  log: Uint8Array<ArrayBuffer>,
  registers: Readonly<Record<string, string>> = GOOD_REGISTERS,
  changes: Partial<EventLogPolicy> = {},
): Promise<void> {
  const outcome = await judge(log, registers, changes);
  expect(deciding(outcome)).toBe(id);
  if (id !== 'eventlog.content' && id !== 'eventlog.secure-boot') expect(outcome.events).toEqual([]);
}

function without<T>(list: readonly T[], index: number): readonly T[] {
  return list.filter((_, place) => place !== index);
}

function replaced<T>(list: readonly T[], index: number, value: T): readonly T[] {
  return list.map((one, place) => (place === index ? value : one));
}

describe('CCEL', () => {
  promise('P3', 'a good log gives its events, with the payloads that were measured and no others', async () => {
    const outcome = await judge(makeCcel(GOOD), GOOD_REGISTERS, { secureBoot: 'required' });
    expect(deciding(outcome)).toBeUndefined();
    expect(outcome.events.map(({ register, covers }) => [register, covers])).toEqual([
      ['rtmr0', 'event-data'],
      ['rtmr0', 'event-data'],
      ['rtmr1', undefined],
      ['rtmr1', 'event-data'],
      ['rtmr2', undefined],
    ]);
    expect(outcome.events[2]).not.toHaveProperty('payload');
  });

  const histories: readonly (readonly [string, readonly MadeEvent[]])[] = [
    ['reordered', [...GOOD.slice(0, 3), GOOD[4] ?? secureBoot(1, 1), GOOD[3] ?? secureBoot(1, 1), ...GOOD.slice(5)]],
    ['with an event twice', [...GOOD, ...GOOD.slice(-1)]],
    ['with an event too many', [...GOOD, opaque(4, 'something else')]],
    ['with an event missing', without(GOOD, 3)],
    ['cut at its end', GOOD.slice(0, -1)],
    ['with an event in another register', replaced(GOOD, 5, opaque(4, 'initrd'))],
    ['with another digest', replaced(GOOD, 3, opaque(2, 'another kernel'))],
    ['without any event', []],
    ['where a measured event claims to be information', replaced(GOOD, 4, { ...SEPARATOR, index: 2, type: 3 })],
  ];
  for (const [what, events] of histories) {
    promise('P3', `a log ${what} is no history of these registers`, () =>
      expectRefusal('eventlog.replay', makeCcel(events)),
    );
  }

  promise('P3', 'what went into RTMR3 is the application, and can be refused', async () => {
    const events = [...GOOD, { index: 4, type: 6, data: ascii('LEAA') }];
    const { events: found } = await judge(makeCcel(events), registersOf(events));
    expect(found.map(({ origin }) => origin)).toEqual([...Array(4).fill('platform'), 'system', 'application']);
    const changes = { applicationEvents: 'refused' } as const;
    await expectRefusal('eventlog.content', makeCcel(events), registersOf(events), changes);
    expect(deciding(await judge(makeCcel(GOOD), GOOD_REGISTERS, changes))).toBeUndefined();
  });

  promise('P3', 'another register value is named with what the log gives', async () => {
    const registers = { ...GOOD_REGISTERS, rtmr3: '11'.repeat(48) };
    const check = (await judge(makeCcel(GOOD), registers)).checks.find(({ id }) => id === 'eventlog.replay');
    expect(check).toMatchObject({
      status: 'failed',
      expected: `rtmr3 ${'11'.repeat(48)}`,
      actual: `rtmr3 ${'00'.repeat(48)}`,
    });
  });

  promise('P3', 'registers that the policy does not name are not compared, and their events left out', async () => {
    const registers = { ...GOOD_REGISTERS, rtmr2: '11'.repeat(48) };
    const outcome = await judge(makeCcel(GOOD), registers, { rtmrs: ['rtmr1'] });
    expect(deciding(outcome)).toBeUndefined();
    expect(new Set(outcome.events.map(({ register }) => register))).toEqual(new Set(['rtmr1']));
  });

  for (const [what, index, event] of [
    ['a separator', 2, { ...SEPARATOR, index: 1, data: Uint8Array.of(1, 0, 0, 0) }],
    ['an action', 4, { index: 2, type: 0x80000007, data: ascii('Exit Boot Services Returned with Success') }],
    ['a variable', 1, { index: 1, type: 0x80000001, data: secureBootVariable(Uint8Array.of(0)) }],
  ] as const) {
    promise('P3', `${what} whose payload is not what was measured is refused`, async () => {
      const original = GOOD[index];
      if (original === undefined) throw new Error('no such event');
      const changed = { ...event, digests: { sha384: hashOf('sha384', original.data) } };
      await expectRefusal('eventlog.payloads', makeCcel(replaced(GOOD, index, changed)));
    });
  }

  promise('P3', 'a boot variable counts by its data, by its whole, and by nothing else', async () => {
    const data = uefiVariable('61dfe48bca93d211aa0d00e098032b8c', 'BootOrder', Uint8Array.of(1, 0));
    const covers = async (digest: Uint8Array): Promise<string | undefined> => {
      const events = [{ index: 1, type: 0x80000002, data, digests: { sha384: digest } }];
      const outcome = await judge(makeCcel(events), registersOf(events));
      return deciding(outcome) ?? outcome.events[0]?.covers;
    };
    expect(await covers(hashOf('sha384', Uint8Array.of(1, 0)))).toBe('variable-data');
    expect(await covers(hashOf('sha384', data))).toBe('event-data');
    expect(await covers(hashOf('sha384', Uint8Array.of(0, 1)))).toBe('eventlog.payloads');
  });

  promise('P3', 'of a GRUB command its text counts, and not its label', async () => {
    const events = ['grub_cmd: linux', 'kernel_cmdline: /vmlinuz ro', 'grub_cmd: other'].map((text, index) => ({
      index: 3,
      type: 0xd,
      data: ascii(`${text}\0`),
      digests: { sha384: hashOf('sha384', ascii(index === 2 ? 'x' : text.slice(text.indexOf(' ') + 1))) },
    }));
    const outcome = await judge(makeCcel(events), registersOf(events));
    expect(outcome.events.map(({ payload }) => payload)).toEqual([
      toHex(ascii('linux')),
      toHex(ascii('/vmlinuz ro')),
      undefined,
    ]);
  });
});

describe('Secure Boot', () => {
  const cases: readonly (readonly [string, readonly MadeEvent[]])[] = [
    ['off', [secureBoot(1, 0), { index: 1, ...SEPARATOR }]],
    ['not measured', [{ index: 1, ...SEPARATOR }]],
    ['measured after the separator', [{ index: 1, ...SEPARATOR }, secureBoot(1, 1)]],
    ['measured after a separator under another label', [{ ...SEPARATOR, index: 1, type: 1 }, secureBoot(1, 1)]],
    ['measured twice', [secureBoot(1, 1), secureBoot(1, 0)]],
    ['measured into another register', [secureBoot(2, 1)]],
    [
      'a variable of another vendor',
      [
        {
          index: 1,
          type: 0x80000001,
          data: uefiVariable('cbb219d73a3d9645a3bcdad00e67656f', 'SecureBoot', Uint8Array.of(1)),
        },
      ],
    ],
    ['of an unknown value', [{ index: 1, type: 0x80000001, data: secureBootVariable(Uint8Array.of(1, 1)) }]],
  ];
  for (const [what, events] of cases) {
    promise('P3', `Secure Boot ${what} is not on`, () =>
      expectRefusal('eventlog.secure-boot', makeCcel(events), registersOf(events), { secureBoot: 'required' }),
    );
  }

  promise('P7', 'Secure Boot cannot be judged where its register was not replayed', async () => {
    const outcome = await judge(makeCcel(GOOD), GOOD_REGISTERS, { secureBoot: 'required', rtmrs: ['rtmr1'] });
    expect(outcome.checks.find(({ id }) => id === 'eventlog.secure-boot')?.status).toBe('unavailable');
  });
});

describe('TPM logs', () => {
  const EVENTS: readonly MadeEvent[] = [
    { index: 0, type: 8, data: ascii('version') },
    secureBoot(7, 1),
    { index: 0, ...SEPARATOR },
    { index: 7, ...SEPARATOR },
  ];
  const pcrs = (bank: 'sha1' | 'sha256', events = EVENTS, locality = 0): Record<string, string> =>
    extend(
      bank,
      'pcr',
      events.filter(({ type }) => type !== 3).map(({ index, data }) => [index, hashOf(bank, data)]),
      locality,
    );
  const locality = (value: number, index = 0): MadeEvent => ({
    index,
    type: 3,
    data: concatBytes(ascii('StartupLocality\0'), Uint8Array.of(value)),
  });

  promise('P3', 'a good log replays in each bank, and its events count for SHA-256', async () => {
    expect(await replay(parseEventLog(makeTpmLog(EVENTS)), 'sha1')).toEqual(pcrs('sha1'));
    const outcome = await judge(makeTpmLog(EVENTS), pcrs('sha256'), { secureBoot: 'required' });
    expect(deciding(outcome)).toBeUndefined();
    expect(outcome.events).toHaveLength(4);
  });

  promise('P3', 'nothing that rests on SHA-1 counts', () =>
    expectRefusal('eventlog.replay', makeTpmLog(EVENTS), pcrs('sha1')),
  );

  promise('P3', 'a log without the bank of the registers is refused', () =>
    expectRefusal('eventlog.replay', makeTpmLog(EVENTS, ['sha1']), pcrs('sha256')),
  );

  promise('P3', 'digests of the other bank do not help', async () => {
    const digests = { sha1: hashOf('sha1', ascii('version')), sha256: hashOf('sha256', ascii('other')) };
    const [first, ...rest] = EVENTS;
    if (first === undefined) throw new Error('no event');
    await expectRefusal('eventlog.replay', makeTpmLog([{ ...first, digests }, ...rest]), pcrs('sha256'));
  });

  promise('P3', 'PCR 0 starts with the locality that the log names, and with no other', async () => {
    for (const value of [0, 3, 4]) {
      const log = makeTpmLog([locality(value), ...EVENTS]);
      expect(deciding(await judge(log, pcrs('sha256', EVENTS, value)))).toBeUndefined();
      await expectRefusal('eventlog.replay', log, pcrs('sha256', EVENTS, value === 3 ? 4 : 3));
    }
  });

  for (const [what, events] of [
    ['of an unknown value', [locality(1), ...EVENTS]],
    ['that stands there twice', [locality(3), locality(3), ...EVENTS]],
    ['after a measurement', [...EVENTS, locality(3)]],
    ['of another PCR', [locality(3, 1), ...EVENTS]],
    ['without a value', [{ index: 0, type: 3, data: ascii('StartupLocality\0') }, ...EVENTS]],
  ] as const) {
    promise('P3', `a startup locality ${what} is refused`, () =>
      expectRefusal('eventlog.format', makeTpmLog(events), pcrs('sha256')),
    );
  }

  promise('P3', 'a second separator in a PCR is refused, whatever its label', async () => {
    for (const type of [4, 1]) {
      const events = [...EVENTS, { index: 7, type, data: new Uint8Array(4) }];
      await expectRefusal('eventlog.order', makeTpmLog(events), pcrs('sha256', events));
    }
  });

  promise('P7', 'a PCR that the evidence does not show leaves the log undecided', () =>
    expectRefusal(
      'eventlog.replay',
      makeTpmLog(EVENTS),
      Object.fromEntries(Object.entries(pcrs('sha256')).slice(0, 7)),
    ),
  );

  promise('P3', 'a PCR that the log says nothing about must still hold its start value', async () => {
    await expectRefusal('eventlog.replay', makeTpmLog(EVENTS), { ...pcrs('sha256'), pcr4: '22'.repeat(32) });
    expect(deciding(await judge(makeTpmLog(EVENTS), { ...pcrs('sha256'), pcr10: '22'.repeat(32) }))).toBeUndefined();
    expect(deciding(await judge(makeTpmLog(EVENTS), pcrs('sha256'), { pcrs: ['pcr15'] }))).toBeUndefined();
  });

  promise('P7', 'registers of several banks are a mistake of the caller', async () => {
    await expect(judge(makeTpmLog(EVENTS), { ...pcrs('sha256'), pcr4: '22'.repeat(48) })).rejects.toThrow(UsageError);
    await expect(judge(makeTpmLog(EVENTS), { ...pcrs('sha256'), pcr4: '22' })).rejects.toThrow(UsageError);
  });

  promise('P3', 'a TPM log is padded with nothing', async () => {
    for (const fill of [0, 0xff]) {
      const log = concatBytes(makeTpmLog(EVENTS), new Uint8Array(64).fill(fill));
      await expectRefusal('eventlog.format', log, pcrs('sha256'));
    }
  });

  promise('P3', 'a log of SHA-1 alone is read, and counts for nothing', async () => {
    const log = concatBytes(
      ...EVENTS.map(({ index, type, data }) =>
        concatBytes(u32(index), u32(type), hashOf('sha1', data), u32(data.length), data),
      ),
    );
    expect(await replay(parseEventLog(log), 'sha1')).toEqual(pcrs('sha1'));
    await expectRefusal('eventlog.replay', log, pcrs('sha256'));
    await expect(replay(parseEventLog(log), 'sha256')).rejects.toThrow(MalformedEvidenceError);
  });
});

describe('format', () => {
  const good = makeCcel(GOOD);
  const event = (
    banks: readonly (readonly [number, number])[],
    index = 1,
    type = 4,
    data = new Uint8Array(4),
  ): Uint8Array<ArrayBuffer> =>
    concatBytes(
      u32(index),
      u32(type),
      u32(banks.length),
      ...banks.map(([id, size]) => concatBytes(u16(id), new Uint8Array(size))),
      u32(data.length),
      data,
    );
  const head = specIdEvent(['sha384'], 1);

  promise('P3', 'fill of one kind after a CCEL is accepted', async () => {
    for (const fill of [0, 0xff]) {
      for (const length of [1, 8, 11, 12, 4096]) {
        const log = concatBytes(good, new Uint8Array(length).fill(fill));
        expect(deciding(await judge(log))).toBeUndefined();
      }
    }
  });

  const slips: readonly (readonly [string, Uint8Array<ArrayBuffer>])[] = [
    ['empty', new Uint8Array()],
    ['fill of another byte', concatBytes(good, new Uint8Array(64).fill(0x20))],
    ['fill of two kinds', concatBytes(good, new Uint8Array(64).fill(0xff), new Uint8Array(64))],
    [
      'an event behind the fill',
      concatBytes(good, new Uint8Array(64).fill(0xff), tcgEvent(opaque(3, 'x'), ['sha384'])),
    ],
    ['an event behind zeros', concatBytes(good, new Uint8Array(64), tcgEvent(opaque(3, 'x'), ['sha384']))],
    ['cut in its last event', good.slice(0, -1)],
    ['cut in its first event', good.slice(0, 40)],
    ['a digest of SHA-256 where the log says SHA-384', concatBytes(head, event([[0x0b, 32]]))],
    [
      'a digest too many',
      concatBytes(
        head,
        event([
          [0x0c, 48],
          [0x0b, 32],
        ]),
      ),
    ],
    [
      'two digests of one algorithm',
      concatBytes(
        specIdEvent(['sha256', 'sha384'], 1),
        event([
          [0x0c, 48],
          [0x0c, 48],
        ]),
      ),
    ],
    ['a digest missing', concatBytes(specIdEvent(['sha256', 'sha384'], 1), event([[0x0c, 48]]))],
    ['no digest', concatBytes(head, event([], 1, 1))],
    ['an unknown algorithm', concatBytes(head, event([[0x99, 48]]))],
    ['a count of 2^32 - 1', concatBytes(head, u32(1), u32(4), u32(0xffffffff))],
    ['a length of 2^32 - 1', concatBytes(head, u32(1), u32(4), u32(1), u16(12), new Uint8Array(48), u32(0xffffffff))],
    ['a measurement into MRTD', concatBytes(head, event([[0x0c, 48]], 0))],
    ['a register 5', concatBytes(head, event([[0x0c, 48]], 5))],
    [
      'information with a digest',
      makeCcel([{ index: 1, type: 3, data: ascii('x'), digests: { sha384: new Uint8Array(48).fill(1) } }]),
    ],
    ['no algorithm', specIdEvent([], 1)],
    ['an algorithm twice', specIdEvent(['sha384', 'sha384'], 1)],
    ['a specification event with index 2', specIdEvent(['sha384'], 2)],
    ['a specification event with a digest', head.with(8, 1)],
    ['a specification of another version', head.with(32 + 21, 3)],
    ['a wrong digest size', head.with(32 + 30, 47)],
    ['a vendor text that is cut', head.with(32 + 32, 9)],
    ['too long', new Uint8Array(MAX_LOG_BYTES + 1)],
    ['too many events', concatBytes(head, ...Array.from({ length: MAX_EVENTS + 1 }, () => event([[0x0c, 48]])))],
    ['no specification event', concatBytes(u32(1), u32(4), new Uint8Array(20), u32(4), new Uint8Array(4))],
    ['a bundle', ascii('{"__cmwc_t":"x"}')],
  ];
  for (const [what, log] of slips) {
    promise('P3', `a CCEL is refused: ${what}`, () => expectRefusal('eventlog.format', log));
  }

  promise('P7', 'input that would cost much to read is refused for its size', () => {
    expect(() => parseEventLog(new Uint8Array(MAX_LOG_BYTES + 1))).toThrow(/longer than/);
    expect(() => parseEventLog(ascii(`[${'{},'.repeat(MAX_JSON_BYTES / 3)}{}]`))).toThrow(/longer than/);
    expect(() => parseEventLog(ascii('['.repeat(100_000)))).toThrow(/nesting deeper/);
    expect(() => parseEventLog(jsonBytes(Array.from({ length: MAX_EVENTS + 1 }, () => 0)))).toThrow(/more than/);
  });

  promise('P7', 'td-shim writes its name instead of index 1', () => {
    expect(parseEventLog(specIdEvent(['sha384'], 0, ascii('td-shim'))).format).toBe('ccel');
    expect(parseEventLog(specIdEvent(['sha384'], 0)).format).toBe('tcg');
    expect(parseEventLog(specIdEvent(['sha384'], 0), 'ccel').registers).toBe('rtmr');
  });

  promise('P7', 'any bytes give a log or a MalformedEvidenceError', () => {
    const heads = [
      head,
      makeTpmLog([]),
      ascii('[{"imr":'),
      makeCel([{ type: 0, payload: ascii('x') }]),
      new Uint8Array(),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 300 }), (start, tail) => {
        try {
          parseEventLog(concatBytes(start, tail));
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedEvidenceError);
        }
      }),
    );
  });

  promise('P3', 'no cut and no changed byte gives other measured events', async () => {
    const said = new Set(
      (await judge(good)).events.map((one) => JSON.stringify([one.register, one.digest, one.payload])),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.nat(good.length - 1),
        fc.integer({ min: 1, max: 255 }),
        fc.boolean(),
        async (place, by, cut) => {
          const log = cut ? good.slice(0, place) : good.with(place, (good[place] ?? 0) ^ by);
          const { events } = await judge(log);
          for (const { register, digest, payload } of events) {
            const known = [JSON.stringify([register, digest, payload])];
            // A label that was changed makes a hint of a payload, never a payload of a hint.
            if (payload === undefined) known.push(...[...said].filter((one) => one.includes(digest)));
            expect(known.some((one) => said.has(one))).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('dstack', () => {
  const LAUNCH: readonly DstackEvent[] = [
    { imr: 0, event_type: 10, digest: 'aa'.repeat(48), event: 'acpi-loader', event_payload: toHex(ascii('ACPI DATA')) },
    { imr: 1, event_type: 4, digest: toHex(hashOf('sha384', new Uint8Array(4))), event: '', event_payload: '' },
    dstackEvent('system-preparing'),
    dstackEvent('app-id', 'abcd'),
    dstackEvent('compose-hash', '1234'),
    dstackEvent('init-script-hash', '01'),
    dstackEvent('init-script-hash', '02'),
    dstackEvent('system-ready'),
  ];
  const REGISTERS = dstackRegisters(LAUNCH);
  const v2 = (events: readonly DstackEvent[]): readonly DstackEvent[] =>
    events.map((one) => (one.imr === 3 ? dstackEvent(one.event, one.event_payload, 2) : one));
  const strip = (events: readonly DstackEvent[]): readonly object[] =>
    events.map(({ digest, ...rest }) => (rest.imr === 3 ? rest : { ...rest, digest }));
  const POLICY = { launchEvents: { 'app-id': ['abcd'], 'compose-hash': ['1234', '5678'] } };

  promise('P3', 'a launch counts in version 1, in version 2, with and without digests', async () => {
    for (const events of [LAUNCH, v2(LAUNCH)]) {
      for (const list of [events, strip(events)]) {
        const outcome = await judge(jsonBytes(list), dstackRegisters(events), {
          ...POLICY,
          applicationEvents: 'refused',
        });
        expect(deciding(outcome)).toBeUndefined();
        expect(outcome.events.slice(2).every(({ covers }) => covers === 'runtime-event')).toBe(true);
        expect(outcome.events.slice(0, 2).every(({ payload }) => payload === undefined)).toBe(true);
      }
    }
  });

  promise('P3', 'version 2 hashes the RFC 8785 form, whatever the name is', async () => {
    const name = 'quote " and \u00fc';
    const events = [dstackEvent(name, 'ff', 2), dstackEvent('system-ready', '', 2)];
    expect(deciding(await judge(jsonBytes(events), dstackRegisters(events)))).toBeUndefined();
  });

  const slips: readonly (readonly [string, string, readonly object[], Readonly<Record<string, string>>?])[] = [
    ['an event twice', 'eventlog.replay', [...LAUNCH, dstackEvent('system-ready')]],
    ['an event too many', 'eventlog.replay', [...LAUNCH, dstackEvent('x')]],
    ['reordered', 'eventlog.replay', [...LAUNCH.slice(0, 3), ...LAUNCH.slice(3, 5).reverse(), ...LAUNCH.slice(5)]],
    ['cut', 'eventlog.replay', LAUNCH.slice(0, -1)],
    [
      'another payload without digest',
      'eventlog.replay',
      strip(replaced(LAUNCH, 4, dstackEvent('compose-hash', '99'))),
    ],
    ['version 1 said to be 2', 'eventlog.payloads', replaced<object>(LAUNCH, 4, { ...LAUNCH[4], version: 2 })],
    [
      'another payload',
      'eventlog.payloads',
      replaced(LAUNCH, 4, { ...dstackEvent('compose-hash', '1234'), event_payload: '99' }),
    ],
    [
      'another name',
      'eventlog.payloads',
      replaced(LAUNCH, 4, { ...dstackEvent('compose-hash', '1234'), event: 'app-id' }),
    ],
    [
      'a preimage of something else',
      'eventlog.payloads',
      replaced(v2(LAUNCH), 4, {
        ...dstackEvent('compose-hash', '1234', 2),
        preimage: toHex(runtimePreimageOf('x', '', 2)),
      }),
      dstackRegisters(v2(LAUNCH)),
    ],
    ['SHA-256', 'eventlog.format', replaced(LAUNCH, 4, { ...dstackEvent('compose-hash'), digest: 'aa'.repeat(32) })],
    ['a firmware event without digest', 'eventlog.format', replaced<object>(LAUNCH, 0, { ...LAUNCH[0], digest: '' })],
    ['upper-case digits', 'eventlog.format', replaced<object>(LAUNCH, 0, { ...LAUNCH[0], digest: 'AA'.repeat(48) })],
    ['a register 4', 'eventlog.format', replaced<object>(LAUNCH, 0, { ...LAUNCH[0], imr: 4 })],
    [
      'a type of more than 32 bits',
      'eventlog.format',
      replaced<object>(LAUNCH, 0, { ...LAUNCH[0], event_type: 2 ** 32 }),
    ],
    ['a version 3', 'eventlog.format', replaced<object>(LAUNCH, 4, { ...LAUNCH[4], version: 3 })],
    ['a version on a firmware event', 'eventlog.format', replaced<object>(LAUNCH, 0, { ...LAUNCH[0], version: 2 })],
    ['an unknown member, as in CEL-JSON', 'eventlog.format', replaced<object>(LAUNCH, 0, { ...LAUNCH[0], recnum: 0 })],
    ['a name that is no text', 'eventlog.format', replaced<object>(LAUNCH, 4, { ...LAUNCH[4], event: 1 })],
    ['an event that is no object', 'eventlog.format', [[]]],
    ['an empty list', 'eventlog.format', []],
    [
      'too many events',
      'eventlog.format',
      Array.from({ length: MAX_EVENTS + 1 }, () => ({ imr: 3, event_type: 134217729, event: '', event_payload: '' })),
    ],
    ['a list that is too long', 'eventlog.format', [dstackEvent('x', '00'.repeat(MAX_JSON_BYTES / 2))]],
  ];
  for (const [what, id, list, registers = REGISTERS] of slips) {
    promise('P3', `a launch is refused: ${what}`, () => expectRefusal(id, jsonBytes(list), registers));
  }

  // Everything here was really extended: an application, or a host, arranged it.
  const orders: readonly (readonly [string, readonly DstackEvent[]])[] = [
    [
      'a second compose-hash before the end',
      [...LAUNCH.slice(0, 5), dstackEvent('compose-hash', '99'), ...LAUNCH.slice(5)],
    ],
    ['a second compose-hash after the end', [...LAUNCH, dstackEvent('compose-hash', '99')]],
    ['a second end', [...LAUNCH, dstackEvent('system-ready')]],
    ['no end', LAUNCH.slice(0, -1)],
    ['an event of the launch in RTMR2', [...LAUNCH, { ...dstackEvent('x'), imr: 2 }]],
    [
      'an unreadable event in the launch',
      [...LAUNCH.slice(0, 3), { ...dstackEvent('x'), event_type: 1 }, ...LAUNCH.slice(3)],
    ],
    ['a name with a colon', [dstackEvent('app-id:x', '00'), ...LAUNCH]],
  ];
  for (const [what, events] of orders) {
    promise('P3', `the order of a launch is refused: ${what}`, () =>
      expectRefusal('eventlog.order', jsonBytes(events), dstackRegisters(events)),
    );
  }

  promise(
    'P3',
    'true launch events cannot be hidden behind labels so that the ones of an application count',
    async () => {
      const measured = [...LAUNCH, dstackEvent('compose-hash', '99'), dstackEvent('system-ready')];
      const hidden = measured.map((one, index) =>
        index > 1 && index < 8 ? { ...one, event_type: 1, event: '' } : one,
      );
      await expectRefusal('eventlog.order', jsonBytes(hidden), dstackRegisters(measured), {
        launchEvents: { 'compose-hash': ['99'] },
      });
    },
  );

  promise('P3', 'what stands after the end is the application, readable or not', async () => {
    const events = [...LAUNCH, dstackEvent('my-key', '01'), { ...dstackEvent('x'), event_type: 1 }];
    const outcome = await judge(jsonBytes(events), dstackRegisters(events), POLICY);
    expect(deciding(outcome)).toBeUndefined();
    expect(outcome.events.slice(-3).map(({ origin }) => origin)).toEqual(['platform', 'application', 'application']);
    await expectRefusal('eventlog.content', jsonBytes(events), dstackRegisters(events), {
      applicationEvents: 'refused',
    });
  });

  for (const [what, changes] of [
    ['a launch event that is not there', { launchEvents: { 'key-provider': ['00'] } }],
    ['another payload', { launchEvents: { 'app-id': ['abce'] } }],
    ['one of several payloads not listed', { launchEvents: { 'init-script-hash': ['01'] } }],
    ['a digest that is not listed', { digests: { rtmr0: ['bb'.repeat(48)] } }],
    ['a register that was not replayed', { digests: { rtmr0: ['aa'.repeat(48)] }, rtmrs: ['rtmr3'] }],
  ] as const) {
    promise('P3', `the policy refuses ${what}`, () =>
      expectRefusal('eventlog.content', jsonBytes(LAUNCH), REGISTERS, changes),
    );
  }

  promise('P3', 'a closed register holds listed digests only', async () => {
    const outcome = await judge(jsonBytes(LAUNCH), REGISTERS, {
      digests: { rtmr0: ['aa'.repeat(48)], rtmr2: ['bb'.repeat(48)] },
    });
    expect(deciding(outcome)).toBeUndefined();
  });
});

describe('CEL', () => {
  const RECORDS: readonly CelRecord[] = [
    { type: 0, payload: ascii('registry.example/image:1') },
    { type: 1, payload: ascii('sha256:00') },
    { type: 5, payload: ascii('A=1') },
    { type: 5, payload: ascii('B=2') },
    { type: 8, payload: ascii('') },
  ];
  const registers = (records = RECORDS): Record<string, string> =>
    extend(
      'sha384',
      'rtmr',
      records.map(({ type, payload, digest }) => [3, digest ?? hashOf('sha384', tlv(80, tlv(type, payload)))]),
    );

  promise('P3', 'a launch is compared with its own register only, and its types are measured', async () => {
    const held = { ...registers(), rtmr0: '11'.repeat(48) };
    const outcome = await judge(makeCel(RECORDS), held, {
      launchEvents: { 'image-digest': [toHex(ascii('sha256:00'))] },
    });
    expect(deciding(outcome)).toBeUndefined();
    expect(outcome.events.map(({ name }) => name).at(-1)).toBe('launch-separator');
    await expectRefusal('eventlog.replay', makeCel(RECORDS), { ...held, rtmr3: '11'.repeat(48) });
  });

  promise('P3', 'a launch in PCR 13 counts too', async () => {
    const records = RECORDS.map((one) => ({ ...one, register: [1, 13] as const }));
    const held = { pcr13: registers()['rtmr3'] ?? '' };
    expect(deciding(await judge(makeCel(records), held))).toBeUndefined();
    await expectRefusal('eventlog.replay', makeCel(records), { rtmr3: held.pcr13 });
  });

  promise('P3', 'another type or payload under the same digest is refused', async () => {
    const [first, ...rest] = RECORDS;
    if (first === undefined) throw new Error('no record');
    const digest = hashOf('sha384', tlv(80, tlv(first.type, first.payload)));
    for (const changed of [
      { type: 3, payload: first.payload, digest },
      { type: 0, payload: ascii('other'), digest },
    ]) {
      await expectRefusal('eventlog.payloads', makeCel([changed, ...rest]), registers());
    }
  });

  for (const [what, records] of [
    ['an image twice', [...RECORDS.slice(0, 2), { type: 1, payload: ascii('sha256:01') }, ...RECORDS.slice(2)]],
    ['an image after the separator', [...RECORDS, { type: 1, payload: ascii('sha256:01') }]],
    ['no separator', RECORDS.slice(0, -1)],
  ] as const) {
    promise('P3', `the order of a launch in a CEL is refused: ${what}`, () =>
      expectRefusal('eventlog.order', makeCel(records), registers([...records])),
    );
  }

  const [good] = RECORDS;
  if (good === undefined) throw new Error('no record');
  for (const [what, log] of [
    ['cut', makeCel(RECORDS).slice(0, -1)],
    ['fill', concatBytes(makeCel(RECORDS), new Uint8Array(8))],
    ['a record number twice', makeCel([good, { ...good, number: 0 }])],
    ['content of another type', makeCel([{ ...good, contentType: 5 }])],
    ['a register 5', makeCel([{ ...good, register: [108, 5] }])],
    ['a PCR that software can reset', makeCel(RECORDS.map((one) => ({ ...one, register: [1, 23] })))],
    ['a register of the boot', makeCel(RECORDS.map((one) => ({ ...one, register: [108, 3] })))],
    ['PCRs and RTMRs in one log', makeCel([good, { ...good, register: [1, 13] }])],
    ['a digest that is too short', makeCel([{ ...good, digest: new Uint8Array(32) }])],
  ] as const) {
    promise('P3', `a CEL is refused: ${what}`, () => expectRefusal('eventlog.format', log, registers()));
  }
});

describe('beside hardware evidence', () => {
  const claims: HardwareClaims = {
    technology: 'tdx',
    anchor: 'test',
    platform: {},
    registers: { ...GOOD_REGISTERS, mrtd: '00'.repeat(48) },
    reportData: '00'.repeat(64),
  };
  const statuses = async (
    given: HardwareClaims | undefined,
    log: Uint8Array<ArrayBuffer> | undefined,
    changes: Partial<EventLogPolicy> = {},
  ): Promise<readonly string[]> => {
    const { checks } = await judgeAttachedEventLog(given, log, { ...ANY_EVENTS, ...changes });
    expect(checks.map(({ id }) => id)).toEqual(IDS);
    return [...new Set(checks.map(({ status }) => status))];
  };

  promise('P7', 'a log is judged by the registers of the claims', async () => {
    expect(await statuses(claims, makeCcel(GOOD))).toEqual(['passed', 'waived']);
    expect(
      await statuses({ ...claims, registers: { ...claims.registers, rtmr1: '00'.repeat(48) } }, makeCcel(GOOD)),
    ).toEqual(['passed', 'failed', 'unavailable']);
  });

  promise('P7', 'a log that is missing is waived only where the policy asks for nothing that it shows', async () => {
    expect(await statuses(claims, undefined)).toEqual(['waived']);
    for (const changes of [
      { log: 'required' },
      { secureBoot: 'required' },
      { applicationEvents: 'refused' },
      { launchEvents: { 'app-id': ['00'] } },
      { digests: { rtmr0: ['00'.repeat(48)] } },
    ] as const) {
      expect(await statuses(claims, undefined, changes)).toEqual(['unavailable']);
    }
  });

  promise('P7', 'a log beside evidence without a trust anchor or without such registers says nothing', async () => {
    expect(await statuses(undefined, makeCcel(GOOD))).toEqual(['unavailable']);
    expect(await statuses({ ...claims, registers: { measurement: '00' } }, makeCcel(GOOD))).toEqual(['unavailable']);
  });
});

describe('policy', () => {
  promise('P7', 'every field is required, and nothing may be empty', () => {
    expect(eventLogPolicyShape.parse(ANY_EVENTS).ok).toBe(true);
    for (const name of Object.keys(ANY_EVENTS)) {
      const { [name as keyof EventLogPolicy]: dropped, ...rest } = ANY_EVENTS;
      expect([dropped, eventLogPolicyShape.parse(rest).ok]).toEqual([dropped, false]);
    }
    for (const changes of [
      { rtmrs: [] },
      { rtmrs: ['rtmr4'] },
      { pcrs: [] },
      { pcrs: 'any' },
      { pcrs: ['pcr16'] },
      { launchEvents: {} },
      { launchEvents: { 'app-id': [] } },
      { launchEvents: { 'app-id': ['0'] } },
      { digests: {} },
      { digests: { mrtd: ['00'.repeat(48)] } },
      { digests: { rtmr0: ['00'] } },
      { secureBoot: 'off' },
      { other: 'any' },
    ]) {
      expect([changes, eventLogPolicyShape.parse({ ...ANY_EVENTS, ...changes }).ok]).toEqual([changes, false]);
    }
  });
});
