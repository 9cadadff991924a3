import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttestationResult } from '@vitrine/verifier';
import { presets } from '@vitrine/verifier';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusedError } from '../errors.ts';
import { MANIFEST } from '../testing/evidence.ts';
import { atomicWrite } from './atomic-write.ts';
import { withLock } from './file-lock.ts';
import { describePinChange, makePin, pinReferenceValues, requirePinned } from './pin.ts';
import type { Pin } from './pins-document.ts';
import { findPin, pinsFile, readPins, writePin } from './pins-store.ts';
import { vitrineHome } from './vitrine-home.ts';

const URL_A = 'https://bank.example/mcp';
const URL_B = 'https://localhost:8443/mcp';
const NOW = new Date('2026-01-31T12:00:00.000Z');
const registers = {
  mrtd: '11'.repeat(48),
  rtmr0: '22'.repeat(48),
  rtmr1: '33'.repeat(48),
  rtmr2: '44'.repeat(48),
  rtmr3: '55'.repeat(48),
};
const zeros = { mrconfigid: '00'.repeat(48), mrowner: '00'.repeat(48), mrownerconfig: '00'.repeat(48) };

function result(
  changes: { registers?: Record<string, string>; number?: number; digest?: string } = {},
): AttestationResult {
  return {
    type: 'vitrine/attestation-result/v1',
    verdict: 'verified',
    decidedBy: null,
    scope: 'live',
    checks: [],
    claims: {
      technology: 'tdx',
      anchor: 'intel-sgx-root',
      platform: {},
      registers: { ...registers, ...zeros, ...changes.registers },
      reportData: '',
      manifest: { ...MANIFEST, number: changes.number ?? 3 },
      manifestDigest: changes.digest ?? 'aa'.repeat(48),
    },
    unverified: {},
    limits: [],
    digests: { evidence: '', policy: '', endorsements: null, referenceValues: null, eventLog: null },
    time: NOW.toISOString(),
  };
}

const pin: Pin = makePin(result(), { policy: 'default', simulated: false, now: NOW });

let home = '';
let file = '';
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'vitrine pins '));
  file = pinsFile(home);
});
afterEach(() => rm(home, { recursive: true, force: true }));

describe('pins.json', () => {
  promise('P2', 'is the user’s alone: mode 0600, written as a whole, other pins kept', async () => {
    const before = process.umask(0);
    try {
      await writePin(file, URL_A, pin);
      await writePin(file, URL_B, { ...pin, simulated: true, policy: presets.strict });
    } finally {
      process.umask(before);
    }
    expect(await findPin(file, URL_A)).toEqual(pin);
    expect((await findPin(file, URL_B))?.policy).toEqual(presets.strict);
    expect(await findPin(file, 'https://other.example/')).toBeUndefined();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(home)).toEqual(['pins.json']);
  });

  test('does not exist at first, which is no pins', async () => {
    expect(await readPins(join(home, 'none.json'))).toEqual({ type: 'vitrine/pins/v1', pins: {} });
  });

  test('survives many writers', async () => {
    const urls = Array.from({ length: 8 }, (_, index) => `https://host-${index}.example/`);
    await Promise.all(urls.map((url) => writePin(file, url, pin)));
    expect(Object.keys((await readPins(file)).pins).sort()).toEqual(urls);
  });

  const good = JSON.stringify({ type: 'vitrine/pins/v1', pins: { [URL_A]: pin } });
  const edit = (change: (one: Record<string, unknown>) => Record<string, unknown>): string =>
    JSON.stringify({ type: 'vitrine/pins/v1', pins: { [URL_A]: change({ ...pin }) } });
  const damaged: Readonly<Record<string, string>> = {
    'an empty file': '',
    'half a file': good.slice(0, good.length / 2),
    'garbage after it': `${good}x`,
    'a byte order mark': `\ufeff${good}`,
    'a duplicate name': good.replace('"mode"', '"mode":"exact","mode"'),
    'another type': good.replace('pins/v1', 'pins/v2'),
    'an unknown field': edit((one) => ({ ...one, trusted: true })),
    'a missing field': edit((one) => ({ ...one, mode: undefined })),
    'an unknown mode': edit((one) => ({ ...one, mode: 'any' })),
    'a short register': edit((one) => ({ ...one, registers: { ...registers, mrtd: '11' } })),
    'an upper-case digest': edit((one) => ({ ...one, manifestDigest: 'AA'.repeat(48) })),
    'an unknown policy name': edit((one) => ({ ...one, policy: 'lax' })),
    'a policy with a missing field': edit((one) => ({ ...one, policy: { ...presets.default, tdx: {} } })),
    'a text in place of true': edit((one) => ({ ...one, simulated: 'false' })),
    'a plain HTTP server': good.replace(URL_A, 'http://bank.example/mcp'),
  };
  for (const [name, text] of Object.entries(damaged)) {
    promise('P2', `with ${name} stops everything and is left as it is`, async () => {
      await writeFile(file, text);
      for (const action of [() => readPins(file), () => findPin(file, URL_A), () => writePin(file, URL_A, pin)]) {
        await expect(action()).rejects.toMatchObject({ code: 'pins.damaged', message: expect.stringContaining(file) });
      }
      expect(await readFile(file, 'utf8')).toBe(text);
      expect(await readdir(home)).toEqual(['pins.json']);
    });
  }

  test('that is a directory is named', async () => {
    await expect(readPins(home)).rejects.toMatchObject({ code: 'pins.unreadable' });
  });
});

describe('a pin', () => {
  promise('P2', 'admits exactly what it was made from', () => {
    expect(() => requirePinned(pin, result())).not.toThrow();
    for (const name of [...Object.keys(registers), ...Object.keys(zeros)]) {
      const changed = result({ registers: { [name]: 'ff'.repeat(48) } });
      expect(() => requirePinned(pin, changed)).toThrow(expect.objectContaining({ check: 'pin.registers' }));
    }
    expect(() => requirePinned(pin, result({ digest: 'bb'.repeat(48) }))).toThrow(
      expect.objectContaining({ check: 'pin.manifest' }),
    );
    expect(() => requirePinned(pin, result({ number: 2 }))).toThrow(
      expect.objectContaining({ check: 'pin.manifest-number' }),
    );
  });

  test('is not made from evidence without a manifest', () => {
    const { claims: _, ...unauthenticated } = result();
    const make = (): Pin => makePin(unauthenticated, { policy: 'default', simulated: false, now: NOW });
    expect(make).toThrow(RefusedError);
    expect(() => requirePinned(pin, unauthenticated)).toThrow(expect.objectContaining({ check: 'pin.claims' }));
  });

  test('gives reference values without the registers that have to be zero', () => {
    expect(pinReferenceValues(pin).entries).toEqual([
      { technology: 'tdx', shape: 'pinned', registers, computedBy: 'your pin', manifestDigest: 'aa'.repeat(48) },
    ]);
    const owned = makePin(result({ registers: { mrowner: '77'.repeat(48) } }), {
      policy: 'default',
      simulated: false,
      now: NOW,
    });
    expect(owned.registers).toEqual({ ...registers, mrowner: '77'.repeat(48) });
  });

  test('shows what changes', () => {
    expect(describePinChange(pin, pin)).toEqual([]);
    const next = makePin(result({ number: 4 }), { policy: 'strict', simulated: true, now: NOW });
    expect(describePinChange(pin, next)).toEqual([
      'manifest number: 3 -> 4',
      'policy: default -> strict',
      'simulated: false -> true',
    ]);
  });
});

describe('the lock', () => {
  const wait = { waitMs: 60 };
  const lock = (): string => join(home, 'lock');

  test('is waited for, and not for ever', async () => {
    await writeFile(lock(), `${process.pid}\n`);
    await expect(withLock(lock(), wait, async () => 1)).rejects.toMatchObject({ code: 'lock.held' });
    expect(await readFile(lock(), 'utf8')).toBe(`${process.pid}\n`);
  });

  test('of a dead process is taken over', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    await writeFile(lock(), `${pid}\n`);
    expect(await withLock(lock(), wait, async () => readFile(lock(), 'utf8'))).toBe(`${process.pid}\n`);
    expect(await readdir(home)).toEqual([]);
  });

  test('that is too old is taken over, whoever holds it', async () => {
    await writeFile(lock(), `${process.pid}\n`);
    await utimes(lock(), 0, 0);
    expect(await withLock(lock(), wait, async () => 1)).toBe(1);
  });

  test('is released when the work fails', async () => {
    const work = async (): Promise<never> => {
      throw new Error('no');
    };
    await expect(withLock(lock(), wait, work)).rejects.toThrow('no');
    expect(await readdir(home)).toEqual([]);
  });
});

describe('an atomic write', () => {
  test('keeps a symbolic link and sets the mode', async () => {
    const target = join(home, 'target');
    await writeFile(target, 'old');
    await chmod(target, 0o644);
    await symlink(target, join(home, 'link'));
    await atomicWrite(join(home, 'link'), 'new', 0o600);
    expect(await readFile(target, 'utf8')).toBe('new');
    expect((await stat(target)).mode & 0o777).toBe(0o600);
    expect((await readdir(home)).sort()).toEqual(['link', 'target']);
  });

  test('leaves nothing behind when it fails', async () => {
    await expect(atomicWrite(home, 'x', 0o600)).rejects.toThrow();
    expect(await readdir(home)).toEqual([]);
  });
});

test('the home directory follows VITRINE_HOME, then the platform', () => {
  expect(vitrineHome({ VITRINE_HOME: '/v' }, 'linux', '/h')).toBe('/v');
  expect(vitrineHome({}, 'linux', '/h')).toBe('/h/.config/vitrine');
  expect(vitrineHome({ XDG_CONFIG_HOME: '/x' }, 'linux', '/h')).toBe('/x/vitrine');
  expect(vitrineHome({ XDG_CONFIG_HOME: 'relative' }, 'linux', '/h')).toBe('/h/.config/vitrine');
  expect(vitrineHome({}, 'darwin', '/h')).toBe('/h/Library/Application Support/vitrine');
  expect(vitrineHome({ APPDATA: 'C:\\A' }, 'win32', 'C:\\U')).toBe('C:\\A\\vitrine');
});
