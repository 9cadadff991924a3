/**
 * Real event logs: every one is read; those whose registers are known replay to them.
 */
import { fromHex, toHex } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, readVector } from '../../../../test/vectors.ts';
import { parseTdxQuote } from '../tdx/parse.ts';
import { ANY_EVENTS } from '../testing/event-logs.ts';
import type { EventLog } from './event-log.ts';
import { typeName } from './event-types.ts';
import { parseEventLog } from './parse.ts';
import { findPayload } from './payload.ts';
import { replay } from './replay.ts';
import { type EventLogOutcome, verifyEventLog } from './verify-eventlog.ts';

/** File, format, number of events. */
const LOGS: readonly (readonly [string, string, number])[] = [
  ['boot/ccel.bin', 'ccel', 18],
  ['boot/ev/CCEL_unpadded.data.bin', 'ccel', 19],
  ['boot/ev/cos-101-amd-sev.bin', 'tcg', 48],
  ['boot/ev/cos-113-intel-tdx-dupe-separator-unpadded.bin', 'ccel', 43],
  ['boot/ev/ubuntu-2104-no-secure-boot.bin', 'tcg', 105],
  ['boot/tpm_eventlog.bin', 'tcg', 45],
  ['boot/real-boot/direct.eventlog.bin', 'tcg', 24],
  ['boot/real-boot/seabios.eventlog.bin', 'tcg', 13],
  ['boot/real-boot/tis.eventlog.bin', 'tcg', 24],
  ['boot/real-boot/ukik.eventlog.bin', 'tcg', 33],
  ['eventlog/coco-ccel-aael-alibaba.bin', 'ccel', 87],
  ['eventlog/coco-ccel_data.bin', 'ccel', 5],
  ['eventlog/coco-ccel_data_gcp.bin', 'ccel', 21],
  ['eventlog/coco-ccel_data_grub.bin', 'ccel', 37],
  ['eventlog/coco-ccel_data_grub_gke.bin', 'ccel', 35],
  ['eventlog/coco-ccel_data_ovmf.bin', 'ccel', 20],
  ['eventlog/coco-tdx-4.ccel.bin', 'ccel', 5],
  ['eventlog/dstack-ccel.bin', 'ccel', 18],
  ['eventlog/dstack-quote-report.eventlog.json', 'dstack', 28],
  ['eventlog/dstack-tpm-eventlog.bin', 'tcg', 45],
  ['eventlog/google-cos113.ccel.bin', 'ccel', 43],
  ['eventlog/gotpm-arch-linux-workstation.bin', 'tcg', 24],
  ['eventlog/gotpm-confidential-gke-debug-251000_eventlog.bin', 'tcg', 54],
  ['eventlog/gotpm-cos-101-amd-sev.bin', 'tcg', 48],
  ['eventlog/gotpm-cos-85-amd-sev.bin', 'tcg', 45],
  ['eventlog/gotpm-cos-93-amd-sev.bin', 'tcg', 45],
  ['eventlog/gotpm-debian-10.bin', 'tcg', 25],
  ['eventlog/gotpm-eventlogwithsp800155.bin', 'tcg', 53],
  ['eventlog/gotpm-gdc-host.bin', 'tcg', 158],
  ['eventlog/gotpm-glinux-alex.bin', 'tcg', 28],
  ['eventlog/gotpm-rhel8-uefi.bin', 'tcg', 82],
  ['eventlog/gotpm-ubuntu-1804-amd-sev.bin', 'tcg', 87],
  ['eventlog/gotpm-ubuntu-2104-no-dbx.bin', 'tcg', 111],
  ['eventlog/gotpm-ubuntu-2104-no-secure-boot.bin', 'tcg', 105],
  ['eventlog/gotpm-ubuntu-2404-amd-sevsnp.bin', 'tcg', 116],
  ['eventlog/lunal-live.ccel.bin', 'ccel', 20],
  ['eventlog/lunal-live2.ccel.bin', 'ccel', 20],
];

/** Log and expectations that its publisher wrote beside it. */
const EXPECTED: readonly (readonly [string, string])[] = [
  ['eventlog/coco-ccel_data.bin', 'eventlog/coco-ccel_data_out.json'],
  ['eventlog/coco-ccel_data_grub.bin', 'eventlog/coco-ccel_data_grub_out.json'],
  ['eventlog/coco-ccel_data_grub_gke.bin', 'eventlog/coco-ccel_data_grub_gke_out.json'],
  ['eventlog/coco-ccel_data_ovmf.bin', 'eventlog/coco-ccel_data_ovmf_out.json'],
  ['eventlog/coco-ccel-aael-alibaba.bin', 'eventlog/coco-ccel-aael-alibaba.json'],
  ['eventlog/coco-tdx-4.ccel.bin', 'eventlog/coco-tdx-4.expected-claims.json'],
];

interface ExpectedEvent {
  readonly index: number;
  readonly type_name: string;
  readonly digests: readonly { readonly alg: string; readonly digest: string }[];
  readonly event: string;
  readonly digest_matches_event: boolean;
}

function celVector(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(readTextVector('tpm/gotpm-cel.b64'), 'base64'));
}

function registersOf(quote: Uint8Array<ArrayBuffer>): Readonly<Record<string, string>> {
  return parseTdxQuote(quote).report.registers;
}

async function judge(
  log: Uint8Array<ArrayBuffer>,
  registers: Readonly<Record<string, string>>,
  changes: Partial<typeof ANY_EVENTS> = {},
): Promise<EventLogOutcome> {
  return verifyEventLog(log, { registers, policy: { ...ANY_EVENTS, ...changes }, anchor: 'test' });
}

function failing({ checks }: EventLogOutcome): readonly string[] {
  return checks.filter(({ status }) => status === 'failed').map(({ id }) => id);
}

function tdxLite(): { readonly log: Uint8Array<ArrayBuffer>; readonly registers: Readonly<Record<string, string>> } {
  const { quote, event_log: log } = JSON.parse(readTextVector('boot/tdx-lite-getquote.json')) as Record<string, string>;
  return {
    log: new TextEncoder().encode(log ?? ''),
    registers: registersOf(fromHex((quote ?? '').toLowerCase()) ?? new Uint8Array()),
  };
}

/** Changes one byte of the content of a parsed-and-rewritten list. */
function changeList(bytes: Uint8Array, change: (events: Record<string, unknown>[]) => void): Uint8Array<ArrayBuffer> {
  const events = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>[];
  change(events);
  return new TextEncoder().encode(JSON.stringify(events));
}

describe('reading', () => {
  for (const [file, format, count] of LOGS) {
    promise.unless(missingVectors, 'P7', `${file} is read as ${format} with ${count} events`, () => {
      const log = parseEventLog(readVector(file));
      expect([log.format, log.events.length]).toEqual([format, count]);
    });
  }

  promise.unless(missingVectors, 'P7', 'the CEL of a Confidential Space launch is read, and replays', async () => {
    const log = parseEventLog(celVector());
    expect([log.format, log.registers, log.events.length]).toEqual(['cel', 'rtmr', 18]);
    const outcome = await judge(celVector(), await replay(log, 'sha384'), {
      launchEvents: { 'restart-policy': [toHex(new TextEncoder().encode('Never'))] },
      applicationEvents: 'refused',
    });
    expect(failing(outcome)).toEqual([]);
    expect(outcome.events.every(({ covers, origin }) => covers === 'cel-content' && origin === 'platform')).toBe(true);
    expect(outcome.events[0]?.name).toBe('image-reference');
  });

  promise.unless(missingVectors, 'P7', 'an ACPI table that only points to a log is no log', () => {
    expect(() => parseEventLog(readVector('eventlog/google-cos113.ccel-acpi-table.bin'))).toThrow(/event log/);
  });

  for (const [file, expectations] of EXPECTED) {
    promise.unless(missingVectors, 'P7', `${file} says what its publisher says of it`, async () => {
      const expected = (
        JSON.parse(readTextVector(expectations)) as { readonly uefi_event_logs: readonly ExpectedEvent[] }
      ).uefi_event_logs;
      const found: unknown[] = [];
      for (const { register, digests, content, extended } of parseEventLog(readVector(file)).events) {
        if (content.kind !== 'tcg') throw new Error('not an event of the TCG');
        found.push({
          index: register === 'none' ? 0 : Number(register.slice(4)) + 1,
          type_name: typeName(content.type),
          digests: [{ alg: 'SHA-384', digest: toHex(digests.get('sha384') ?? new Uint8Array()) }],
          event: Buffer.from(content.data).toString('base64'),
        });
        expect(extended).toBe(typeName(content.type) !== 'EV_NO_ACTION');
      }
      expect(found).toEqual(
        expected.map(({ index, type_name, digests, event }) => ({ index, type_name, digests, event })),
      );
    });
  }
});

describe('replay', () => {
  const pairs: readonly (readonly [string, string])[] = [
    ['eventlog/google-cos113.ccel.bin', 'tdx/google-cos113.quote'],
    ['eventlog/lunal-live2.ccel.bin', 'tdx/lunal-live.quote'],
    ['eventlog/dstack-quote-report.eventlog.json', 'tdx/dstack-quote-report.quote'],
  ];
  for (const [log, quote] of pairs) {
    promise.unless(missingVectors, 'P3', `${log} replays to the four RTMRs of ${quote}`, async () => {
      const outcome = await judge(readVector(log), registersOf(readVector(quote)));
      expect(failing(outcome)).toEqual([]);
      expect(outcome.events.length).toBeGreaterThan(10);
    });
  }

  promise.unless(missingVectors, 'P3', 'a shortened log of dstack, with digests left out, replays too', async () => {
    const { log, registers } = tdxLite();
    const outcome = await judge(log, registers, {
      launchEvents: { 'storage-fs': [toHex(new TextEncoder().encode('zfs'))] },
      applicationEvents: 'refused',
    });
    expect(failing(outcome)).toEqual([]);
    expect(
      outcome.events.filter(({ register }) => register !== 'rtmr3').every(({ payload }) => payload === undefined),
    ).toBe(true);
  });

  promise.unless(missingVectors, 'P3', 'a log of another boot of the same machine differs in RTMR2', async () => {
    const registers = registersOf(readVector('tdx/lunal-live.quote'));
    const outcome = await judge(readVector('eventlog/lunal-live.ccel.bin'), registers);
    expect(failing(outcome)).toEqual(['eventlog.replay']);
    const check = outcome.checks.find(({ id }) => id === 'eventlog.replay');
    expect(check?.expected).toBe(`rtmr2 ${registers['rtmr2']}`);
    expect(check?.actual).toMatch(/^rtmr2 [0-9a-f]{96}$/);
    expect(outcome.events).toEqual([]);
  });

  promise.unless(missingVectors, 'P3', 'logs of other boots than the one that was quoted are refused', async () => {
    const quoted = registersOf(readVector('tdx/google-cos113.quote'));
    const other = readVector('boot/ev/cos-113-intel-tdx-dupe-separator-unpadded.bin');
    expect(failing(await judge(other, quoted))).toEqual(['eventlog.replay']);
    // Published beside each other as a parsing example, but not of one boot.
    const { quote } = JSON.parse(readTextVector('eventlog/coco-tdx-4.expected-claims.json')) as {
      readonly quote: { readonly body: Readonly<Record<string, string>> };
    };
    const names = ['rtmr0', 'rtmr1', 'rtmr2', 'rtmr3'];
    const published = Object.fromEntries(names.map((name) => [name, quote.body[name.replace('rtmr', 'rtmr_')] ?? '']));
    expect(failing(await judge(readVector('eventlog/coco-tdx-4.ccel.bin'), published))).toEqual(['eventlog.replay']);
  });

  for (const boot of ['direct', 'tis', 'ukik', 'seabios']) {
    promise.unless(missingVectors, 'P3', `boot/real-boot/${boot} replays to the PCRs of three banks`, async () => {
      const log = readVector(`boot/real-boot/${boot}.eventlog.bin`);
      const banks = JSON.parse(readTextVector(`boot/real-boot/${boot}.pcrs.json`)) as Readonly<
        Record<'sha1' | 'sha256' | 'sha384', Readonly<Record<string, string>>>
      >;
      const covered =
        boot === 'seabios' ? [0, 1, 2, 3, 4, 5, 6, 7] : [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15];
      for (const bank of ['sha1', 'sha256', 'sha384'] as const) {
        const registers = Object.fromEntries(
          Object.entries(banks[bank]).map(([index, value]) => [`pcr${index}`, value.toLowerCase()]),
        );
        const replayed = await replay(parseEventLog(log), bank);
        for (const index of covered) expect(replayed[`pcr${index}`]).toBe(registers[`pcr${index}`]);
        const outcome = await judge(log, registers, { pcrs: covered.map((index) => `pcr${index}`) });
        expect(failing(outcome)).toEqual(bank === 'sha1' ? ['eventlog.replay'] : []);
        // The kernel extends PCR 10 without a trace in this log.
        if (bank === 'sha256')
          expect(failing(await judge(log, registers, { pcrs: ['pcr10'] }))).toEqual(['eventlog.replay']);
      }
    });
  }
});

describe('negatives on real logs', () => {
  promise.unless(
    missingVectors,
    'P3',
    'dstack: every kind of change is refused by the check that is there for it',
    async () => {
      const log = readVector('eventlog/dstack-quote-report.eventlog.json');
      const registers = registersOf(readVector('tdx/dstack-quote-report.quote'));
      const slips: readonly (readonly [string, (events: Record<string, unknown>[]) => void, string])[] = [
        ['reordered', (events) => events.splice(21, 2, ...events.slice(21, 23).reverse()), 'eventlog.replay'],
        ['duplicated', (events) => events.splice(22, 0, events[22] ?? {}), 'eventlog.replay'],
        ['cut', (events) => events.pop(), 'eventlog.replay'],
        ['extra event', (events) => events.push({ ...events.at(-1) }), 'eventlog.replay'],
        ['digest changed', (events) => Object.assign(events[22] ?? {}, { digest: '00'.repeat(48) }), 'eventlog.replay'],
        [
          'payload changed',
          (events) => Object.assign(events[22] ?? {}, { event_payload: '00'.repeat(32) }),
          'eventlog.payloads',
        ],
        ['renamed', (events) => Object.assign(events[27] ?? {}, { event: 'compose-hash' }), 'eventlog.payloads'],
        ['launch event made opaque', (events) => Object.assign(events[22] ?? {}, { event_type: 10 }), 'eventlog.order'],
        [
          'separator changed',
          (events) => Object.assign(events[7] ?? {}, { event_payload: 'ffffffff' }),
          'eventlog.payloads',
        ],
        ['SHA-256', (events) => Object.assign(events[22] ?? {}, { digest: '00'.repeat(32) }), 'eventlog.format'],
      ];
      for (const [what, change, check] of slips) {
        expect([what, failing(await judge(changeList(log, change), registers))]).toEqual([what, [check]]);
      }
    },
  );

  promise.unless(
    missingVectors,
    'P3',
    'dstack: what the application added is called that, and can be refused',
    async () => {
      const log = readVector('eventlog/dstack-quote-report.eventlog.json');
      const registers = registersOf(readVector('tdx/dstack-quote-report.quote'));
      const { events } = await judge(log, registers);
      expect(events.filter(({ origin }) => origin === 'application').map(({ name }) => name)).toEqual([
        'LIUM_MINER_HOTKEY',
      ]);
      expect(failing(await judge(log, registers, { applicationEvents: 'refused' }))).toEqual(['eventlog.content']);
      const composed = events.find(({ name }) => name === 'compose-hash')?.payload ?? '';
      expect(failing(await judge(log, registers, { launchEvents: { 'compose-hash': [composed] } }))).toEqual([]);
      expect(failing(await judge(log, registers, { launchEvents: { 'compose-hash': ['00'] } }))).toEqual([
        'eventlog.content',
      ]);
      expect(failing(await judge(log, registers, { launchEvents: { LIUM_MINER_HOTKEY: [] } }))).toEqual([
        'eventlog.content',
      ]);
    },
  );

  promise.unless(missingVectors, 'P3', 'no sampled single-bit change of a real CCEL gives other events', async () => {
    const registers = registersOf(readVector('tdx/google-cos113.quote'));
    const good = readVector('eventlog/google-cos113.ccel.bin').slice(0, 18_101);
    const { events } = await judge(good, registers);
    const said = JSON.stringify(events.map(({ register, digest, payload }) => [register, digest, payload]));
    for (let bit = 5; bit < good.length * 8; bit += 977) {
      const changed = good.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const outcome = await judge(changed, registers);
      if (failing(outcome).length > 0) continue;
      // What remains are hints, labels, and the specification event's version numbers: none of them is in the result as measured.
      const now = outcome.events.map(({ register, digest, payload }) => [register, digest, payload] as const);
      for (const [register, digest] of now) expect(said).toContain(`["${register}","${digest}"`);
      for (const [, , payload] of now) if (payload !== undefined) expect(said).toContain(payload);
    }
  });

  promise.unless(missingVectors, 'P7', 'Secure Boot is read where firmware measured it', async () => {
    const status = async (
      bytes: Uint8Array<ArrayBuffer>,
      registers: Readonly<Record<string, string>>,
    ): Promise<string | undefined> =>
      (await judge(bytes, registers, { secureBoot: 'required' })).checks.find(({ id }) => id === 'eventlog.secure-boot')
        ?.status;
    const on = readVector('eventlog/gotpm-cos-101-amd-sev.bin');
    expect(await status(on, await replay(parseEventLog(on), 'sha256'))).toBe('passed');
    const off = readVector('eventlog/google-cos113.ccel.bin');
    expect(await status(off, registersOf(readVector('tdx/google-cos113.quote')))).toBe('failed');
    const dstack = registersOf(readVector('tdx/dstack-quote-report.quote'));
    expect(await status(readVector('eventlog/dstack-quote-report.eventlog.json'), dstack)).toBe('failed');
    expect(await status(off, dstack)).toBe('unavailable');
  });
});

describe('payloads', () => {
  promise.unless(
    missingVectors,
    'P3',
    'types whose digest must be that of the payload have it in every real log',
    async () => {
      const counted = new Map<string, number>();
      for (const [file] of LOGS) {
        const log: EventLog = parseEventLog(readVector(file));
        const [bank] = log.banks.filter((one) => one === 'sha384' || one === 'sha256' || one === 'sha1').toReversed();
        for (const event of log.events.filter(({ extended }) => extended)) {
          const digest = bank === undefined ? undefined : event.digests.get(bank);
          if (bank === undefined || digest === undefined || event.content.kind !== 'tcg') continue;
          const { kind } = await findPayload(event, digest, bank, log.format === 'dstack');
          expect(`${file} ${typeName(event.content.type)} ${kind}`).not.toContain('mismatch');
          const key = `${typeName(event.content.type)} ${kind}`;
          counted.set(key, (counted.get(key) ?? 0) + 1);
        }
      }
      expect(counted.get('EV_SEPARATOR measured')).toBeGreaterThan(100);
      expect(counted.get('EV_IPL measured')).toBeGreaterThan(100);
      expect(counted.get('EV_EFI_VARIABLE_DRIVER_CONFIG hint')).toBeUndefined();
      expect(counted.get('EV_EFI_BOOT_SERVICES_APPLICATION measured')).toBeUndefined();
    },
  );
});
