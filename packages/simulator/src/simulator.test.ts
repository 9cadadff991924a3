import { createHash, X509Certificate } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dcapCollateralShape, referenceValuesShape, toHex, UsageError } from '@vitrine/documents';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { openSimulator, type Simulator } from './simulator.ts';
import { independentStatus } from './testing/independent.ts';

const now = new Date('2026-11-20T10:00:00Z');
const DAY = 86_400_000;
const digest = 'ab'.repeat(48);
const posix = process.platform !== 'win32';
let base = '';

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vitrine-simulator-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

let used = 0;
const fresh = (): string => join(base, `state-${used++}`);
const open = (directory: string, at: Date = now, release = '0.1.0'): Promise<Simulator> =>
  openSimulator({ directory, now: () => at, release });

describe('evidence', () => {
  promise(
    'P7',
    'an independent verifier follows the whole chain, but only under the simulator’s own root',
    async () => {
      const simulator = await open(fresh());
      const td = simulator.launch(digest);
      const quote = await td.quote(new Uint8Array(64).fill(5));
      const collateral = (await td.endorsements())?.dcap?.[0];
      if (collateral === undefined) throw new Error('no endorsements');
      expect(independentStatus(quote, collateral, now, simulator.rootCertificate)).toBe('UpToDate');
      expect(() => independentStatus(quote, collateral, now, undefined)).toThrow();
      const other = await open(fresh());
      expect(() => independentStatus(quote, collateral, now, other.rootCertificate)).toThrow();
    },
  );

  promise('P7', 'the root says in its name that it is no TEE', async () => {
    const { rootPem, rootCertificate, rootPublicKey } = await open(fresh());
    const root = new X509Certificate(rootPem);
    expect(root.subject).toBe('CN=Vitrine Simulator Root CA (not a TEE)\nO=Vitrine Simulator');
    expect(root.issuer).toBe(root.subject);
    expect(Buffer.from(rootCertificate)).toEqual(root.raw);
    const spki = root.publicKey.export({ type: 'spki', format: 'der' });
    expect(Buffer.from(rootPublicKey)).toEqual(spki.subarray(-64));
  });

  promise('P7', 'no two state directories have the same root or machine', async () => {
    const [one, two] = [await open(fresh()), await open(fresh())];
    expect(one.rootPublicKey).not.toEqual(two.rootPublicKey);
    const chains = await Promise.all([one, two].map((each) => each.launch(digest).quote(new Uint8Array(64))));
    expect(chains[0]?.subarray(-2000)).not.toEqual(chains[1]?.subarray(-2000));
  });

  promise('P3', 'the manifest digest is extended into RTMR3, and the registers are the reference values', async () => {
    const simulator = await open(fresh());
    const td = simulator.launch(digest);
    const quote = await td.quote(new Uint8Array(64).fill(5));
    const register = (offset: number): string => toHex(quote.subarray(48 + offset, 48 + offset + 48));
    const inQuote = {
      mrtd: register(136),
      rtmr0: register(328),
      rtmr1: register(376),
      rtmr2: register(424),
      rtmr3: register(472),
    };
    expect(td.registers).toEqual(inQuote);
    const extended = createHash('sha384').update(new Uint8Array(48)).update(Buffer.from(digest, 'hex')).digest('hex');
    expect(inQuote.rtmr3).toBe(extended);
    expect(toHex(quote.subarray(568, 632))).toBe('05'.repeat(64));

    const reference = simulator.referenceValues(digest);
    expect(referenceValuesShape.parse(reference)).toEqual({ ok: true, value: reference });
    expect(reference.entries[0]).toMatchObject({ shape: 'simulator', registers: inQuote, manifestDigest: digest });
    expect(reference.entries[0]?.computedBy).toBe('vitrine simulator');
  });

  test('another manifest changes RTMR3 alone, another release the other registers alone', async () => {
    const directory = fresh();
    const good = (await open(directory)).launch(digest).registers;
    const otherManifest = (await open(directory)).launch('cd'.repeat(48)).registers;
    expect({ ...otherManifest, rtmr3: good.rtmr3 }).toEqual(good);
    expect(otherManifest.rtmr3).not.toBe(good.rtmr3);
    const otherRelease = (await open(directory, now, '0.2.0')).launch(digest).registers;
    expect(otherRelease.rtmr3).toBe(good.rtmr3);
    for (const name of ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2'] as const) expect(otherRelease[name]).not.toBe(good[name]);
  });

  test.each(['', 'AB'.repeat(48), 'ab'.repeat(32), 'zz'.repeat(48)])(
    'refuses the manifest digest %j',
    async (wrong) => {
      const simulator = await open(fresh());
      expect(() => simulator.launch(wrong)).toThrow(UsageError);
      expect(() => simulator.referenceValues(wrong)).toThrow(UsageError);
    },
  );

  test.each([0, 32, 63, 65])('refuses %i bytes of report data', async (length) => {
    const td = (await open(fresh())).launch(digest);
    await expect(td.quote(new Uint8Array(length))).rejects.toMatchObject({ code: 'simulator.report-data' });
  });
});

describe('collateral', () => {
  test('has the shape of endorsements, in lower case, and is made anew after a day', async () => {
    let time = now;
    const simulator = await openSimulator({ directory: fresh(), now: () => time, release: '0.1.0' });
    const first = simulator.collateral();
    expect(dcapCollateralShape.parse(first)).toEqual({ ok: true, value: first });
    for (const name of ['root_ca_crl', 'pck_crl', 'tcb_info_signature', 'qe_identity_signature'] as const) {
      expect(first[name]).toMatch(/^[0-9a-f]+$/);
    }
    time = new Date(now.getTime() + DAY - 1);
    expect(simulator.collateral()).toBe(first);
    time = new Date(now.getTime() + DAY);
    const second = simulator.collateral();
    expect(JSON.parse(second.tcb_info)).toMatchObject({
      issueDate: '2026-11-21T09:00:00Z',
      nextUpdate: '2026-12-21T09:00:00Z',
      fmspc: simulator.fmspc,
    });
    time = new Date(now.getTime() - DAY / 2);
    expect(JSON.parse(simulator.collateral().qe_identity)).toMatchObject({ issueDate: '2026-11-19T21:00:00Z' });
  });

  test('stops being good after 30 days', async () => {
    const simulator = await open(fresh());
    const quote = await simulator.launch(digest).quote(new Uint8Array(64));
    const later = new Date(now.getTime() + 30 * DAY);
    expect(() => independentStatus(quote, simulator.collateral(), later, simulator.rootCertificate)).toThrow(/expired/);
  });
});

describe('state directory', () => {
  promise('P7', 'the root stays the same from run to run, and is in root.pem', async () => {
    const directory = fresh();
    const first = await open(directory);
    const second = await open(directory, new Date(now.getTime() + 100 * DAY));
    expect(second.rootPem).toBe(first.rootPem);
    expect(first.rootFile).toBe(join(directory, 'root.pem'));
    expect(await readFile(first.rootFile, 'utf8')).toBe(first.rootPem);
    expect((await readdir(directory)).toSorted()).toEqual(['root.pem', 'simulator-keys.json']);
  });

  test('evidence of one run is good with the collateral of the next', async () => {
    const directory = fresh();
    const quote = await (await open(directory)).launch(digest).quote(new Uint8Array(64));
    const next = await open(directory);
    expect(independentStatus(quote, next.collateral(), now, next.rootCertificate)).toBe('UpToDate');
  });

  test('simulators that start at once in a new directory have the same root', async () => {
    const directory = fresh();
    const all = await Promise.all(Array.from({ length: 8 }, () => open(directory)));
    expect(new Set(all.map(({ rootPem }) => rootPem)).size).toBe(1);
    expect((await readdir(directory)).toSorted()).toEqual(['root.pem', 'simulator-keys.json']);
  });

  test('a directory that is there, with files of others, is used as it is', async () => {
    const directory = fresh();
    await mkdir(directory);
    await writeFile(join(directory, 'reference-values.json'), '{}');
    await open(directory);
    expect(await readFile(join(directory, 'reference-values.json'), 'utf8')).toBe('{}');
  });

  test.runIf(posix)('only the owner can read directory and keys', async () => {
    const directory = fresh();
    await open(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, 'simulator-keys.json'))).mode & 0o777).toBe(0o600);
  });

  test('a root.pem that is missing is written again', async () => {
    const directory = fresh();
    const { rootFile, rootPem } = await open(directory);
    await rm(rootFile);
    await open(directory);
    expect(await readFile(rootFile, 'utf8')).toBe(rootPem);
  });

  test('a root.pem of another simulator is refused', async () => {
    const directory = fresh();
    const { rootFile } = await open(directory);
    await writeFile(rootFile, (await open(fresh())).rootPem);
    await expect(open(directory)).rejects.toMatchObject({ code: 'simulator.state-damaged' });
    await expect(open(directory)).rejects.toThrow(rootFile);
  });

  interface Written {
    [member: string]: { certificate: string; key: string; fmspc: string; ppid: string };
  }
  const damages: readonly (readonly [string, (state: Written, other: Written) => unknown])[] = [
    ['cut off', (state) => JSON.stringify(state).slice(0, -10)],
    ['empty', () => ''],
    ['without a member', ({ pck: _gone, ...rest }) => rest],
    ['with an unknown member', (state) => ({ ...state, more: 1 })],
    ['with a key of another certificate', (state) => ({ ...state, pck: { ...state['pck'], key: state['root']?.key } })],
    [
      'with a garbled key',
      (state) => ({ ...state, root: { ...state['root'], key: '-----BEGIN PRIVATE KEY-----\nAA' } }),
    ],
    ['with a root of another simulator', (state, other) => ({ ...state, root: other['root'] })],
    ['with a leaf of another simulator', (state, other) => ({ ...state, tcbSigning: other['tcbSigning'] })],
    ['with certificates exchanged', (state) => ({ ...state, root: state['intermediate'] })],
    ['with another machine', (state) => ({ ...state, platform: { ...state['platform'], ppid: '00'.repeat(16) } })],
    ['with a number instead of text', (state) => ({ ...state, root: { ...state['root'], certificate: 1 } })],
  ];
  test.each(damages)(
    'a key file %s is refused by name, with what to do and without its secrets',
    async (_name, damage) => {
      const directory = fresh();
      await open(directory);
      const otherDirectory = fresh();
      await open(otherDirectory);
      const file = join(directory, 'simulator-keys.json');
      const state = JSON.parse(await readFile(file, 'utf8')) as Written;
      const other = JSON.parse(await readFile(join(otherDirectory, 'simulator-keys.json'), 'utf8')) as Written;
      const damaged = damage(state, other);
      const text = typeof damaged === 'string' ? damaged : JSON.stringify(damaged);
      await writeFile(file, text);
      const error: unknown = await open(directory).catch((cause: unknown) => cause);
      if (!(error instanceof UsageError)) throw new Error('expected a UsageError', { cause: error });
      expect(error.code).toBe('simulator.state-damaged');
      expect(error.message).toContain(file);
      expect(error.message).toContain('delete the directory');
      expect(`${error.message}${String(error.cause)}`).not.toMatch(/PRIVATE KEY|MIG/);
      expect(await readFile(file, 'utf8')).toBe(text);
    },
  );

  test('certificates that are not valid yet or any more are refused', async () => {
    const directory = fresh();
    await open(directory);
    for (const days of [-2, 8 * 365]) {
      const refused = open(directory, new Date(now.getTime() + days * DAY));
      await expect(refused).rejects.toMatchObject({ code: 'simulator.state-expired' });
    }
  });

  test('a place that cannot be used is a mistake of the user', async () => {
    const file = fresh();
    await writeFile(file, '');
    await expect(open(join(file, 'state'))).rejects.toMatchObject({ code: 'simulator.state-unusable' });
  });

  test.runIf(posix && process.getuid?.() !== 0)(
    'a key file that may not be read is a mistake of the user',
    async () => {
      const directory = fresh();
      await open(directory);
      await chmod(join(directory, 'simulator-keys.json'), 0);
      await expect(open(directory)).rejects.toMatchObject({ code: 'simulator.state-unusable' });
    },
  );
});
