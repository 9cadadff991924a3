import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ccelEventLog, measureIntoRtmr, type QuoteSource, tsmQuoteSource } from '@vitrine/attester';
import { fromHex } from '@vitrine/documents';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { type EmulatedTdxMachine, type EmulatedTdxOptions, openEmulatedTdxMachine } from './configfs-machine.ts';
import { openSimulator } from './simulator.ts';
import { independentStatus } from './testing/independent.ts';

const now = new Date('2026-11-20T10:00:00Z');
const DIGEST = 'ab'.repeat(48);
const REPORT_DATA = new Uint8Array(64).fill(7);
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'vitrine-machine-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const open = (more: Partial<EmulatedTdxOptions> = {}): Promise<EmulatedTdxMachine> =>
  openEmulatedTdxMachine({ directory, now: () => now, release: '0.1.0', ...more });
const sourceOf = (machine: EmulatedTdxMachine): QuoteSource =>
  tsmQuoteSource({
    files: machine.files,
    technology: 'tdx',
    endorsements: machine.endorsements,
    sleep: async () => undefined,
    monotonic: () => 0,
    randomBytes,
  });
/** A register of a quote of version 4 by its offset in the body. */
const registerAt = (quote: Uint8Array, offset: number): string =>
  Buffer.from(quote.subarray(48 + offset, 48 + offset + 48)).toString('hex');
const [MRTD, MRCONFIGID, RTMR0, RTMR3] = [136, 184, 328, 472] as const;

promise('P3', 'a machine that measured its manifest has the registers of a launch with it', async () => {
  const machine = await open();
  expect(await measureIntoRtmr(machine, DIGEST)).toBe('extended');
  const source = sourceOf(machine);
  const quote = await source.quote(REPORT_DATA);
  const simulator = await openSimulator({ directory, now: () => now, release: '0.1.0' });
  const expected = await simulator.launch(DIGEST).quote(REPORT_DATA);
  // Signatures and the attestation key differ.
  expect(quote.subarray(0, 632)).toEqual(expected.subarray(0, 632));
  const collateral = (await source.endorsements())?.dcap?.[0];
  if (collateral === undefined) throw new Error('no collateral');
  expect(independentStatus(quote, collateral, now, simulator.rootCertificate)).toBe('UpToDate');
  expect(() => independentStatus(quote, collateral, now, undefined)).toThrow();
});

promise('P3', 'a machine that measured nothing, or something else, shows it', async () => {
  const machine = await open();
  const source = sourceOf(machine);
  expect(registerAt(await source.quote(REPORT_DATA), RTMR3)).toBe('00'.repeat(48));
  await measureIntoRtmr(machine, 'cd'.repeat(48));
  const expected = createHash('sha384')
    .update(new Uint8Array(48))
    .update(fromHex('cd'.repeat(48)) ?? '')
    .digest('hex');
  expect(registerAt(await source.quote(REPORT_DATA), RTMR3)).toBe(expected);
  await expect(measureIntoRtmr(machine, DIGEST)).rejects.toThrow(/restart the machine/);
});

promise('P3', 'a restart puts the register back, and MRCONFIGID is of the launch', async () => {
  await measureIntoRtmr(await open(), DIGEST);
  const machine = await open({ mrconfigid: DIGEST });
  expect(await measureIntoRtmr(machine, DIGEST)).toBe('mrconfigid');
  const quote = await sourceOf(machine).quote(REPORT_DATA);
  expect([registerAt(quote, MRCONFIGID), registerAt(quote, RTMR3)]).toEqual([DIGEST, '00'.repeat(48)]);
  expect(registerAt(quote, MRTD)).toBe(Buffer.from(machine.registers.read('mrtd')).toString('hex'));
});

test('an older kernel has no measurement files, and quotes all the same', async () => {
  const machine = await open({ hasMeasurements: false });
  await expect(measureIntoRtmr(machine, DIGEST)).rejects.toMatchObject({ code: 'attester.unavailable' });
  expect(await ccelEventLog({ files: machine.files, manifestDigest: DIGEST })).toMatchObject({
    reason: expect.stringContaining('there is no'),
  });
  expect(await sourceOf(machine).quote(REPORT_DATA)).toHaveLength(
    (await sourceOf(await open()).quote(REPORT_DATA)).length,
  );
});

test('firmware has a log and the registers that go with it', async () => {
  const rtmr = (value: number): string => value.toString(16).padStart(2, '0').repeat(48);
  const firmware = { ccel: new Uint8Array(100), rtmr0: rtmr(1), rtmr1: rtmr(2), rtmr2: rtmr(3) };
  const machine = await open({ firmware });
  expect(registerAt(await sourceOf(machine).quote(REPORT_DATA), RTMR0)).toBe(rtmr(1));
  expect(await ccelEventLog({ files: machine.files, manifestDigest: DIGEST })).toMatchObject({
    reason: expect.stringContaining('not a log'),
  });
});
