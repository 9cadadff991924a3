/**
 * What the checks on event logs show beside their status, and what the events that they let through
 * say. Users correct policies by these words, so they have to be those of this log.
 *
 * @module
 */
import { toHex, UsageError } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { showCheck } from '../testing/differences.ts';
import {
  ANY_EVENTS,
  ascii,
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
  tlv,
} from '../testing/event-logs.ts';
import type { EventLogPolicy } from './policy.ts';
import { type EventLogOutcome, verifyEventLog } from './verify-eventlog.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Registers = Readonly<Record<string, string>>;

const judge = (log: Bytes, registers: Registers, changes: Partial<EventLogPolicy> = {}): Promise<EventLogOutcome> =>
  verifyEventLog(log, { registers, policy: { ...ANY_EVENTS, ...changes }, anchor: 'test' });

const LAUNCH: readonly DstackEvent[] = [
  { imr: 0, event_type: 10, digest: 'aa'.repeat(48), event: 'acpi-loader', event_payload: toHex(ascii('ACPI DATA')) },
  dstackEvent('app-id', 'abcd'),
  dstackEvent('system-ready'),
  dstackEvent('my-key', '01'),
];
const unnamed: DstackEvent = { ...dstackEvent('x'), event_type: 1 };
const FIRMWARE: readonly MadeEvent[] = [
  { index: 1, type: 4, data: new Uint8Array(4) },
  { index: 2, type: 0x80000003, data: ascii('a path'), digests: { sha384: hashOf('sha384', ascii('kernel')) } },
];
const firmwareRegisters = (events: readonly MadeEvent[]): Registers =>
  extend(
    'sha384',
    'rtmr',
    events.map(({ index, data, digests }) => [index - 1, digests?.sha384 ?? hashOf('sha384', data)]),
  );
const RECORDS = [
  { type: 0, payload: ascii('image') },
  { type: 8, payload: ascii('') },
];
const CEL_REGISTERS = extend(
  'sha384',
  'rtmr',
  RECORDS.map(({ type, payload }) => [3, hashOf('sha384', tlv(80, tlv(type, payload)))]),
);
const TPM: readonly MadeEvent[] = [{ index: 0, type: 4, data: new Uint8Array(4) }];

const dstack = (events: readonly DstackEvent[], changes: Partial<EventLogPolicy>): Promise<EventLogOutcome> =>
  judge(jsonBytes(events), dstackRegisters(events), changes);
const ccel = (events: readonly MadeEvent[], changes: Partial<EventLogPolicy> = {}): Promise<EventLogOutcome> =>
  judge(makeCcel(events), firmwareRegisters(events), changes);

const CASES: readonly [
  what: string,
  check: string,
  outcome: () => Promise<EventLogOutcome>,
  shown: string,
  says: string,
][] = [
  [
    'a good log',
    'eventlog.payloads',
    () => ccel(FIRMWARE),
    'passed | by test',
    '1 of 2 payloads are what was measured; of the others only the digest is known.',
  ],
  [
    'a good launch',
    'eventlog.payloads',
    () => dstack(LAUNCH, {}),
    'passed | by test',
    '3 of 4 payloads are what was measured; of the others only the digest is known.',
  ],
  [
    'a register of another value',
    'eventlog.replay',
    () => judge(makeCcel(FIRMWARE), { ...firmwareRegisters(FIRMWARE), rtmr1: '11'.repeat(48) }),
    'failed | expected rtmr1 11111111… (48 bytes) | found rtmr1 1eeb6482… (48 bytes) | by test',
    'The log is not the history of rtmr1: events are missing, added, changed or in another order.',
  ],
  [
    'a register that is missing',
    'eventlog.replay',
    () => judge(makeCcel(FIRMWARE), { rtmr0: '00'.repeat(48) }),
    'unavailable',
    'Not evaluated: the evidence has no authenticated value of rtmr1, which the policy wants replayed.',
  ],
  [
    'what follows',
    'eventlog.order',
    () => judge(makeCcel(FIRMWARE), { rtmr0: '00'.repeat(48) }),
    'unavailable',
    'Not evaluated: the event log is not authenticated by the registers.',
  ],
  [
    'SHA-1',
    'eventlog.replay',
    () => judge(makeTpmLog(TPM), { pcr0: '00'.repeat(20) }, { pcrs: ['pcr0'] }),
    'failed | by test',
    'SHA-1 registers prove nothing: two histories with one value can be made.',
  ],
  [
    'a bank that is missing',
    'eventlog.replay',
    () => judge(makeTpmLog(TPM, ['sha1']), { pcr0: '00'.repeat(32) }, { pcrs: ['pcr0'] }),
    'failed | expected sha256 | found sha1 | by test',
    'The log has no digests for the bank of the registers.',
  ],
  [
    'a separator of another payload',
    'eventlog.payloads',
    () =>
      ccel([
        {
          index: 1,
          type: 4,
          data: Uint8Array.of(1, 0, 0, 0),
          digests: { sha384: hashOf('sha384', new Uint8Array(4)) },
        },
      ]),
    'failed | expected 7210af19… (48 bytes) | found 394341b7… (48 bytes) | by test',
    'The digest of an event in rtmr0 ("EV_SEPARATOR") is not that of its payload.',
  ],
  [
    'a separator without its payload',
    'eventlog.payloads',
    () =>
      ccel([{ index: 1, type: 4, data: new Uint8Array(), digests: { sha384: hashOf('sha384', new Uint8Array(4)) } }]),
    'failed | expected 38b060a7… (48 bytes) | found 394341b7… (48 bytes) | by test',
    'The digest of an event in rtmr0 ("EV_SEPARATOR") is not that of its payload.',
  ],
  [
    'a launch event of another payload',
    'eventlog.payloads',
    () =>
      judge(jsonBytes([LAUNCH[0], { ...LAUNCH[1], event_payload: 'ab' }, ...LAUNCH.slice(2)]), dstackRegisters(LAUNCH)),
    'failed | expected 8c36c005… (48 bytes) | found 8d70337c… (48 bytes) | by test',
    'The digest of an event in rtmr3 ("app-id") is not that of its payload.',
  ],
  [
    'what follows it',
    'eventlog.order',
    () =>
      judge(jsonBytes([LAUNCH[0], { ...LAUNCH[1], event_payload: 'ab' }, ...LAUNCH.slice(2)]), dstackRegisters(LAUNCH)),
    'unavailable',
    'Not evaluated: payloads are not what was measured.',
  ],
  [
    'a launch without an end',
    'eventlog.order',
    () => dstack(LAUNCH.slice(0, 2), {}),
    'failed | by test',
    'The events cannot be told apart: no "system-ready", so nothing tells the platform\'s events from the application\'s.',
  ],
  [
    'a policy that asks for nothing',
    'eventlog.content',
    () => dstack(LAUNCH, {}),
    'waived',
    'The policy accepts any event.',
  ],
  [
    'a policy that asks for nothing',
    'eventlog.secure-boot',
    () => dstack(LAUNCH, {}),
    'waived',
    'The policy does not ask for Secure Boot.',
  ],
  [
    'no Secure Boot',
    'eventlog.secure-boot',
    () => ccel(FIRMWARE, { secureBoot: 'required' }),
    'failed | expected on | found not measured | by test',
    'Firmware did not measure, once and before it handed over, that Secure Boot is on.',
  ],
  [
    'Secure Boot of a register that was not replayed',
    'eventlog.secure-boot',
    () => ccel(FIRMWARE, { secureBoot: 'required', rtmrs: ['rtmr1'] }),
    'unavailable',
    'Not evaluated: rtmr0 was not replayed from this log.',
  ],
  [
    'what the application extended, by its name',
    'eventlog.content',
    () => dstack(LAUNCH, { applicationEvents: 'refused' }),
    'failed | found my-key | by test',
    'The application extended rtmr3, which the policy refuses.',
  ],
  [
    'what the application extended, by its digest',
    'eventlog.content',
    () => dstack([...LAUNCH.slice(0, 3), unnamed], { applicationEvents: 'refused' }),
    'failed | found 79ab05c1… (48 bytes) | by test',
    'The application extended rtmr3, which the policy refuses.',
  ],
  [
    'a launch event that is missing',
    'eventlog.content',
    () => dstack(LAUNCH, { launchEvents: { 'key-provider': ['00', '01'] } }),
    'failed | expected 00, 01 | found none | by test',
    'There is no launch event "key-provider".',
  ],
  [
    'an event of the application in the place of one of the launch',
    'eventlog.content',
    () => dstack(LAUNCH, { launchEvents: { 'my-key': ['01'] } }),
    'failed | expected 01 | found none | by test',
    'There is no launch event "my-key".',
  ],
  [
    'a launch event of another value',
    'eventlog.content',
    () => dstack(LAUNCH, { launchEvents: { 'app-id': ['00', '01'] } }),
    'failed | expected 00, 01 | found abcd | by test',
    'The launch event "app-id" has a payload that the policy does not list.',
  ],
  [
    'a register that was not replayed',
    'eventlog.content',
    () => dstack(LAUNCH, { digests: { rtmr0: ['aa'.repeat(48)] }, rtmrs: ['rtmr3'] }),
    'failed | expected only listed digests in rtmr0 | found not replayed | by test',
    'rtmr0 was not replayed from this log.',
  ],
  [
    'a digest that is not listed',
    'eventlog.content',
    () => dstack(LAUNCH, { digests: { rtmr0: ['bb'.repeat(48)] } }),
    'failed | expected only listed digests in rtmr0 | found aaaaaaaa… (48 bytes) | by test',
    'Something that the policy does not list went into rtmr0.',
  ],
  [
    'accepted launch events',
    'eventlog.content',
    () => dstack(LAUNCH, { launchEvents: { 'app-id': ['00', 'abcd'] } }),
    'passed | by test',
    'The events are the ones that the policy accepts.',
  ],
];

describe('what the checks on event logs show', () => {
  for (const [what, check, outcome, shown, says] of CASES) {
    promise('P7', `${check}: ${what}`, async () => {
      const found = (await outcome()).checks.find(({ id }) => id === check);
      expect(found === undefined ? undefined : showCheck(found)).toBe(shown);
      expect(found?.message).toBe(says);
    });
  }

  promise('P7', 'registers of no bank are a mistake of the caller, also where all are of one length', async () => {
    await expect(judge(makeTpmLog(TPM), { pcr0: '22' }, { pcrs: ['pcr0'] })).rejects.toThrow(UsageError);
  });

  const types: readonly [
    what: string,
    outcome: () => Promise<EventLogOutcome>,
    types: readonly (readonly (string | undefined)[])[],
  ][] = [
    ['of firmware', () => ccel(FIRMWARE), [['EV_SEPARATOR'], ['EV_EFI_BOOT_SERVICES_APPLICATION']]],
    [
      'of dstack',
      () => dstack(LAUNCH, {}),
      [
        ['EV_PLATFORM_CONFIG_FLAGS'],
        ['dstack-runtime', 'app-id'],
        ['dstack-runtime', 'system-ready'],
        ['dstack-runtime', 'my-key'],
      ],
    ],
    [
      'of a container',
      () => judge(makeCel(RECORDS), CEL_REGISTERS),
      [
        ['cos', 'image-reference'],
        ['cos', 'launch-separator'],
      ],
    ],
  ];
  for (const [what, outcome, expected] of types) {
    promise('P3', `events ${what} come with their types and names`, async () => {
      const { events } = await outcome();
      expect(events.map(({ type, ...rest }) => ('name' in rest ? [type, rest.name] : [type]))).toEqual(expected);
    });
  }
});
