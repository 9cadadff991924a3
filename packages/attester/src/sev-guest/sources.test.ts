import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { writeCertificateTable } from './certificate-table.ts';
import { type RootKeyField, snpDerivedKeySource } from './derived-key-source.ts';
import type { DerivedKeyRequest, SevGuest } from './sev-guest.ts';
import { sevGuestQuoteSource } from './sev-guest-quote-source.ts';

const REPORT_DATA = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
const DER = Uint8Array.of(0x30, 0x82, 0x01, 0x00, ...new Uint8Array(256));

interface FakeGuest extends SevGuest {
  readonly requests: readonly DerivedKeyRequest[];
  readonly levels: readonly number[];
}

/** A guest of security version 7. */
function fakeGuest(
  change: (report: Uint8Array) => Uint8Array<ArrayBuffer> = (report) => Uint8Array.from(report),
): FakeGuest {
  const requests: DerivedKeyRequest[] = [];
  const levels: number[] = [];
  return {
    requests,
    levels,
    extendedReport: async (reportData, vmpl) => {
      levels.push(vmpl);
      const report = new Uint8Array(0x4a0);
      report[4] = 7;
      report.set(reportData, 0x50);
      return { report: change(report), certificates: writeCertificateTable([{ key: 'vcek', der: DER }]) };
    },
    derivedKey: async (request) => {
      requests.push(request);
      return new Uint8Array(32).fill(1);
    },
    close: async () => undefined,
  };
}

describe('the quote source', () => {
  promise('P3', 'gives reports over what was asked for, with the certificates of the host', async () => {
    const guest = fakeGuest();
    const source = sevGuestQuoteSource(guest, { vmpl: 2 });
    expect(source.technology).toBe('snp');
    expect(await source.endorsements()).toBeUndefined();
    expect((await source.quote(REPORT_DATA)).subarray(0x50, 0x90)).toEqual(REPORT_DATA);
    expect(guest.levels).toEqual([2]);
    expect((await source.endorsements())?.certificates).toEqual([Buffer.from(DER).toString('base64url')]);
  });

  promise('P3', 'refuses a report over anything else', async () => {
    const other = fakeGuest((report) => Uint8Array.from(report.with(0x8f, 0)));
    await expect(sevGuestQuoteSource(other).quote(REPORT_DATA)).rejects.toThrow(/other report data/);
    const short = fakeGuest((report) => report.slice(0, 1000));
    await expect(sevGuestQuoteSource(short).quote(REPORT_DATA)).rejects.toThrow(/1184 bytes/);
  });
});

describe('the root source', () => {
  promise('P4', 'says that every guest of the same launch on the chip has this key', async () => {
    const guest = fakeGuest();
    const source = snpDerivedKeySource(guest);
    const named = 'launch measurement, guest policy, image id, family id and guest SVN';
    expect(source.description).toEqual({
      kind: 'snp-derived-key',
      boundTo: `this chip and the ${named}`,
      derivableBy: [`any guest on this chip with the same ${named}`],
      survivesUpgrade: false,
      sharedByReplicas: false,
    });
    expect(await source.secret()).toHaveLength(32);
    expect(guest.requests).toEqual([
      {
        rootKey: 'vcek',
        fields: ['measurement', 'policy', 'image-id', 'family-id', 'guest-svn'],
        vmpl: 0,
        guestSvn: 7,
        tcbVersion: 0n,
      },
    ]);
  });

  test('may be of an earlier security version, and of another level', async () => {
    const guest = fakeGuest();
    await snpDerivedKeySource(guest, { guestSvn: 3, vmpl: 1 }).secret();
    expect(guest.requests[0]).toMatchObject({ guestSvn: 3, vmpl: 1 });
    expect(guest.levels).toEqual([]);
  });

  test.each<[readonly RootKeyField[], number | undefined, boolean]>([
    [['measurement'], undefined, false],
    [['measurement', 'guest-svn'], 1, false],
    [['policy', 'guest-svn'], undefined, false],
    [['policy', 'guest-svn'], 1, true],
    [['family-id'], undefined, true],
  ])('bound to %o, SVN %o, survives an upgrade: %o', (fields, guestSvn, survives) => {
    const options = { fields, ...(guestSvn === undefined ? {} : { guestSvn }) };
    expect(snpDerivedKeySource(fakeGuest(), options).description.survivesUpgrade).toBe(survives);
  });

  test('asks for no report where the security version is no field', async () => {
    const guest = fakeGuest();
    await snpDerivedKeySource(guest, { fields: ['measurement'] }).secret();
    expect(guest.requests[0]).toMatchObject({ fields: ['measurement'], guestSvn: 0 });
    expect(guest.levels).toEqual([]);
  });

  test.each([[[]], [['measurement', 'measurement']], [['tcb-version']], [['chip']]])('%o are no fields', (fields) => {
    expect(() => snpDerivedKeySource(fakeGuest(), { fields: fields as RootKeyField[] })).toThrow(/each once/);
  });

  test('a version that has no effect is refused', () => {
    expect(() => snpDerivedKeySource(fakeGuest(), { fields: ['measurement'], guestSvn: 1 })).toThrow(/does not depend/);
  });

  test('a report of another size says no version', async () => {
    const guest = fakeGuest((report) => report.slice(0, 6));
    await expect(snpDerivedKeySource(guest).secret()).rejects.toMatchObject({ code: 'attester.hardware' });
    expect(guest.requests).toEqual([]);
  });
});
