import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type ConfigfsFaults, emulatedConfigfs } from '../../../simulator/src/index.ts';
import type { DeviceFiles } from '../device-files.ts';
import { writeCertificateTable } from '../sev-guest/certificate-table.ts';
import { errnoError } from './errno.ts';
import { TSM_REPORT_ROOT, type TsmQuoteSourceOptions, tsmQuoteSource } from './tsm-quote-source.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const REPORT_DATA = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
const HEAD: Readonly<Record<number, number>> = { 4: 48, 5: 54 };

/** The parts of a quote that are looked at here. */
function tdxQuote(reportData: Uint8Array, version: number = 4, length: number = 5000): Bytes {
  const quote = new Uint8Array(length);
  quote[0] = version;
  quote.set(reportData, (HEAD[version] ?? 48) + 520);
  return quote;
}

function snpReport(reportData: Uint8Array, vmpl: number): Bytes {
  const report = new Uint8Array(0x4a0);
  report[0x30] = vmpl;
  report.set(reportData, 0x50);
  return report;
}

interface Machine {
  readonly source: ReturnType<typeof tsmQuoteSource>;
  readonly files: DeviceFiles;
  /** Milliseconds that were slept. */
  readonly slept: () => number;
  readonly left: () => Promise<readonly string[]>;
}

/** A machine whose clock moves by what is slept. */
function machine(
  technology: 'tdx' | 'snp',
  faults: ConfigfsFaults = {},
  more: Partial<TsmQuoteSourceOptions> & { readonly provider?: string; readonly auxblob?: Uint8Array } = {},
): Machine {
  const { provider, auxblob, ...options } = more;
  let time = 0;
  const files =
    options.files ??
    emulatedConfigfs({
      provider: provider ?? (technology === 'tdx' ? 'tdx_guest' : 'sev_guest'),
      quote: async (inblob, vmpl) => (technology === 'tdx' ? tdxQuote(inblob) : snpReport(inblob, vmpl)),
      faults,
      ...(auxblob === undefined ? {} : { auxblob: async () => auxblob }),
    });
  const source = tsmQuoteSource({
    files,
    technology,
    sleep: async (milliseconds) => {
      time += milliseconds;
    },
    monotonic: () => time,
    randomBytes,
    ...options,
  });
  return { source, files, slept: () => time, left: () => files.list(TSM_REPORT_ROOT) };
}

describe('evidence', () => {
  promise('P3', 'a quote is over the report data that was asked for, and its directory is gone', async () => {
    const { source, left, slept } = machine('tdx');
    expect(await source.quote(REPORT_DATA)).toEqual(tdxQuote(REPORT_DATA));
    expect(source.technology).toBe('tdx');
    expect(await source.endorsements()).toBeUndefined();
    expect(await left()).toEqual([]);
    expect(slept()).toBe(0);
  });

  test('a quote of version 5 has its report data six bytes later', async () => {
    const outblob = (): Bytes => tdxQuote(REPORT_DATA, 5);
    expect((await machine('tdx', { outblob }).source.quote(REPORT_DATA))[0]).toBe(5);
  });

  promise(
    'P3',
    'requests at the same time have directories of their own, with names that nobody foresees',
    async () => {
      const names: string[] = [];
      const { files } = machine('tdx');
      const watched: DeviceFiles = {
        ...files,
        makeDirectory: async (path) => {
          names.push(path);
          await files.makeDirectory(path);
        },
      };
      const { source } = machine('tdx', {}, { files: watched });
      const asked = Array.from({ length: 8 }, (_, index) => new Uint8Array(64).fill(index));
      const quotes = await Promise.all(asked.map((reportData) => source.quote(reportData)));
      expect(quotes).toEqual(asked.map((reportData) => tdxQuote(reportData)));
      expect(new Set(names).size).toBe(8);
      for (const name of names) expect(name).toMatch(/^\/sys\/kernel\/config\/tsm\/report\/vitrine-[0-9a-f]{32}$/);
    },
  );

  test('an SEV-SNP report comes with the certificates of its host', async () => {
    const der = (first: number): Bytes => Uint8Array.of(0x30, 0x82, 0x01, 0x00, first, ...new Uint8Array(255));
    const auxblob = writeCertificateTable([
      { key: 'ask', der: der(2) },
      { key: 'vcek', der: der(1) },
    ]);
    const given = async () => ({ type: 'vitrine/endorsements/v1', revocationLists: ['MAA'] }) as const;
    const { source } = machine('snp', {}, { auxblob, endorsements: given });
    expect(await source.endorsements()).toEqual(await given());
    await source.quote(REPORT_DATA);
    expect(await source.endorsements()).toEqual({
      type: 'vitrine/endorsements/v1',
      certificates: [Buffer.from(der(1)).toString('base64url'), Buffer.from(der(2)).toString('base64url')],
      revocationLists: ['MAA'],
    });
  });

  test('a table that cannot be read is one that the host withheld', async () => {
    const { source } = machine('snp', {}, { auxblob: new Uint8Array(4096).fill(7) });
    await source.quote(REPORT_DATA);
    expect(await source.endorsements()).toBeUndefined();
  });

  test('the privilege level is written before the report data, and counted', async () => {
    expect((await machine('snp', {}, { privlevel: 2 }).source.quote(REPORT_DATA))[0x30]).toBe(2);
    expect(() => machine('tdx', {}, { privlevel: 1 })).toThrow(/SEV-SNP alone/);
  });

  test('an event log is handed on', async () => {
    const log = Uint8Array.of(1);
    expect(await machine('tdx', {}, { eventLog: async () => log }).source.eventLog?.()).toBe(log);
    expect(machine('tdx').source.eventLog).toBeUndefined();
  });
});

describe('what is waited for', () => {
  test('another request under way', async () => {
    const { source, slept } = machine('tdx', { busy: 5 });
    expect(await source.quote(REPORT_DATA)).toEqual(tdxQuote(REPORT_DATA));
    expect(slept()).toBe(125);
  });

  promise('P2', 'hardware that is busy for ever is given up after 10 seconds, and answers again later', async () => {
    const faults: ConfigfsFaults = { busy: Number.POSITIVE_INFINITY };
    const { source, slept, left } = machine('tdx', faults);
    await expect(source.quote(REPORT_DATA)).rejects.toMatchObject({ code: 'attester.busy' });
    expect(slept()).toBe(10_000);
    expect(await left()).toEqual([]);
    faults.busy = 0;
    expect(await source.quote(REPORT_DATA)).toEqual(tdxQuote(REPORT_DATA));
  });

  test.each(['disturbed', 'refused'] as const)('a request that was %s is made anew', async (fault) => {
    const { source, left } = machine('tdx', { [fault]: 3 });
    expect(await source.quote(REPORT_DATA)).toEqual(tdxQuote(REPORT_DATA));
    expect(await left()).toEqual([]);
  });
});

describe('refusals', () => {
  for (const fault of ['disturbed', 'refused'] as const) {
    promise('P3', `requests that are always ${fault} are given up, and leave nothing behind`, async () => {
      const { source, left } = machine('tdx', { [fault]: Number.POSITIVE_INFINITY });
      await expect(source.quote(REPORT_DATA)).rejects.toMatchObject({
        code: 'attester.hardware',
        message: expect.stringContaining('generation'),
      });
      expect(await left()).toEqual([]);
    });
  }

  const wrong: readonly [what: string, outblob: (good: Uint8Array) => Uint8Array, message: RegExp][] = [
    ['other report data', () => tdxQuote(new Uint8Array(64).fill(9)), /other report data/],
    ['one bit of other report data', () => tdxQuote(REPORT_DATA.with(63, 0)), /other report data/],
    ['a quote that ends before it', (good) => good.subarray(0, 600), /other report data/],
    ['DICE tokens', () => tdxQuote(REPORT_DATA, 4, 8193), /DICE tokens \(CWT\)/],
    ['a quote of version 3', () => tdxQuote(REPORT_DATA, 3), /found version 3/],
    ['nothing', () => new Uint8Array(), /found version 0 in 0 bytes/],
    ['more than the kernel gives', () => new Uint8Array(40_000), /EFBIG/],
  ];
  for (const [what, outblob, message] of wrong) {
    promise('P3', `a TD that gives ${what} is refused`, async () => {
      const { source, left } = machine('tdx', { outblob });
      const error = await source.quote(REPORT_DATA).catch((cause: unknown) => cause);
      expect(error).toMatchObject({ code: 'attester.hardware', message: expect.stringMatching(message) });
      expect(await left()).toEqual([]);
    });
  }

  test.each([1183, 1185, 0])('a report of %i bytes', async (length) => {
    const { source } = machine('snp', { outblob: () => new Uint8Array(length) });
    await expect(source.quote(REPORT_DATA)).rejects.toThrow(/expected an SEV-SNP report of 1184 bytes/);
  });

  promise('P3', 'another provider is refused by its name', async () => {
    for (const [technology, provider] of [
      ['tdx', 'sev_guest'],
      ['snp', 'tdx_guest'],
      ['tdx', 'arm_cca_guest'],
    ] as const) {
      const { source, left } = machine(technology, {}, { provider });
      await expect(source.quote(REPORT_DATA)).rejects.toMatchObject({
        code: 'attester.unavailable',
        message: expect.stringContaining(provider),
      });
      expect(await left()).toEqual([]);
    }
  });

  test('a short write', async () => {
    const { source, left } = machine('tdx', { shortWrites: 1 });
    await expect(source.quote(REPORT_DATA)).rejects.toMatchObject({ code: 'attester.hardware' });
    expect(await left()).toEqual([]);
    expect(await source.quote(REPORT_DATA)).toEqual(tdxQuote(REPORT_DATA));
  });

  test.each<[Readonly<Record<string, string>>, string, RegExp]>([
    [{ outblob: 'ETIMEDOUT' }, 'attester.hardware', /quote generation service/],
    [{ outblob: 'EIO' }, 'attester.hardware', /EIO.*dmesg/],
    [{ outblob: 'EINVAL' }, 'attester.hardware', /EINVAL/],
    [{ outblob: 'ENXIO' }, 'attester.unavailable', /Linux 6\.7/],
    [{ generation: 'EACCES' }, 'attester.unavailable', /run as root/],
    [{ auxblob: 'EFBIG' }, 'attester.hardware', /certificate table/],
  ])('%o of the kernel', async (errors, code, message) => {
    const { source, left } = machine('snp', { errors });
    await expect(source.quote(REPORT_DATA)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
    expect(await left()).toEqual([]);
  });

  test('a kernel without configfs-tsm', async () => {
    const { source } = machine('tdx', {}, { root: '/sys/kernel/config/tsm/other' });
    await expect(source.quote(REPORT_DATA)).rejects.toMatchObject({ code: 'attester.unavailable' });
  });

  test('a user without rights', async () => {
    const { files } = machine('tdx');
    const makeDirectory = async (): Promise<never> => {
      throw errnoError('EACCES', 'mkdir');
    };
    const { source } = machine('tdx', {}, { files: { ...files, makeDirectory } });
    await expect(source.quote(REPORT_DATA)).rejects.toMatchObject({ code: 'attester.unavailable' });
  });

  test('a generation that is no number', async () => {
    const { files } = machine('tdx');
    const read: DeviceFiles['read'] = async (path, limit) =>
      path.endsWith('/generation') ? new Uint8Array(2) : files.read(path, limit);
    const { source } = machine('tdx', {}, { files: { ...files, read } });
    await expect(source.quote(REPORT_DATA)).rejects.toThrow(/expected a number/);
  });

  test.each([0, 63, 65])('%i bytes of report data, without asking', async (length) => {
    const { source } = machine('tdx', { errors: { provider: 'EIO' } });
    await expect(source.quote(new Uint8Array(length))).rejects.toMatchObject({ code: 'attester.length' });
  });
});

describe('directories that the kernel keeps', () => {
  test('are tried again, and evidence is given all the same', async () => {
    const faults: ConfigfsFaults = { stuck: 2 };
    const { source, left } = machine('tdx', faults);
    await source.quote(REPORT_DATA);
    expect(await left()).toEqual([]);
    faults.stuck = 4;
    await source.quote(REPORT_DATA);
    expect(await left()).toHaveLength(1);
    await source.quote(REPORT_DATA);
    expect(await left()).toEqual([]);
  });

  test('are not piled up', async () => {
    const faults: ConfigfsFaults = { stuck: Number.POSITIVE_INFINITY };
    const { source, left } = machine('tdx', faults);
    for (let count = 0; count < 8; count++) await source.quote(REPORT_DATA);
    await expect(source.quote(REPORT_DATA)).rejects.toThrow(/does not remove directories/);
    expect(await left()).toHaveLength(8);
    faults.stuck = 0;
    await source.quote(REPORT_DATA);
    expect(await left()).toEqual([]);
  });

  test('of somebody else are left alone', async () => {
    const { source, files, left } = machine('tdx');
    await files.makeDirectory(`${TSM_REPORT_ROOT}/vitrine-${'0'.repeat(32)}`);
    await source.quote(REPORT_DATA);
    expect(await left()).toHaveLength(1);
  });
});
