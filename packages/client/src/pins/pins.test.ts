import { spawnSync } from 'node:child_process';
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { presets } from '@vitrine/verifier';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { readListedPage } from '../catalogue/canonical.ts';
import { type PinnedCatalogue, pinCatalogue } from '../catalogue/pinned-catalogue.ts';
import { resolveTrust } from '../connect/trust.ts';
import { describeRefusal, RefusedError } from '../errors.ts';
import { exactPin, NOW, REGISTERS, SOURCE_PIN, verifiedResult, ZEROS } from '../testing/pin-fixtures.ts';
import { atomicWrite } from './atomic-write.ts';
import { withLock } from './file-lock.ts';
import { describePinChange, describePinMismatch, makePin, pinReferenceValues, requirePinned } from './pin.ts';
import type { ExactPin, Pin } from './pins-document.ts';
import {
  findPin,
  pinsFile,
  raiseManifestNumber,
  readPins,
  recordCatalogue,
  removePin,
  writePin,
} from './pins-store.ts';
import { vitrineHome } from './vitrine-home.ts';

const URL_A = 'https://bank.example/mcp';
const URL_B = 'https://localhost:8443/mcp';
const registers = REGISTERS;
const zeros = ZEROS;
const result = verifiedResult;
const pin: ExactPin = exactPin();

const CATALOGUE = catalogueOf({ name: 'echo', description: 'Says it again' });
function catalogueOf(...tools: { name: string; description: string }[]): PinnedCatalogue {
  return pinCatalogue(readListedPage({ tools }).tools);
}

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
    'a manifest that is not the one of the digest': edit((one) => ({ ...one, manifestDigest: 'aa'.repeat(48) })),
    'another number than the manifest has': edit((one) => ({ ...one, manifestNumber: 2 })),
    'a catalogue whose digest is another': edit((one) => ({
      ...one,
      catalogue: { ...CATALOGUE, digest: '00'.repeat(32) },
    })),
    'a tool that is not the one of its digest': JSON.stringify({
      type: 'vitrine/pins/v1',
      pins: { [URL_A]: { ...pin, catalogue: CATALOGUE } },
    }).replace('Says it again', 'Says it to me'),
    'a source that is no https URL': JSON.stringify({
      type: 'vitrine/pins/v1',
      pins: { [URL_A]: { ...SOURCE_PIN, source: { repository: 'git://code.example/x' } } },
    }),
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
    expect(() => requirePinned(pin, result({ manifest: { number: 2 } }))).toThrow(
      expect.objectContaining({ check: 'pin.manifest-number' }),
    );
  });

  promise('P4', 'with a root of keys admits no other root, nor none', () => {
    const withRoot = (id: string): ReturnType<typeof result> => {
      const found = result();
      const appRoot = { id, sources: [], copies: 'unbounded' } as const;
      return found.claims === undefined ? found : { ...found, claims: { ...found.claims, appRoot } };
    };
    const made = makePin(withRoot('aa'.repeat(32)), { policy: 'default', simulated: false, now: NOW });
    expect(made.appRoot).toBe('aa'.repeat(32));
    expect(() => requirePinned(made, withRoot('aa'.repeat(32)))).not.toThrow();
    for (const other of [withRoot('bb'.repeat(32)), result()]) {
      expect(() => requirePinned(made, other)).toThrow(expect.objectContaining({ check: 'pin.app-root' }));
      expect(describePinMismatch(made, other).join('\n')).toContain('root');
    }
  });

  test('is not made from evidence without a manifest', () => {
    const { claims: _, ...unauthenticated } = result();
    const make = (): Pin => makePin(unauthenticated, { policy: 'default', simulated: false, now: NOW });
    expect(make).toThrow(RefusedError);
    expect(() => requirePinned(pin, unauthenticated)).toThrow(expect.objectContaining({ check: 'pin.claims' }));
  });

  test('gives reference values without the registers that have to be zero', () => {
    expect(pinReferenceValues(pin).entries).toEqual([
      { technology: 'tdx', shape: 'pinned', registers, computedBy: 'your pin', manifestDigest: pin.manifestDigest },
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
    const next = makePin(result({ manifest: { number: 4, name: 'other' } }), {
      policy: 'strict',
      simulated: true,
      now: NOW,
    });
    expect(describePinChange(pin, next)).toEqual([
      'highest manifest number: 3 -> 4',
      'policy: default -> strict',
      'simulated: false -> true',
      `configuration: manifest digest: ${pin.manifestDigest.slice(0, 16)}… -> ${next.manifestDigest.slice(0, 16)}…`,
      'configuration: manifest number: 3 -> 4',
      'configuration: manifest name: "test" -> "other"',
    ]);
  });
});

describe('what is remembered', () => {
  promise('P2', 'the highest number never falls, not even when a server is pinned again', async () => {
    await writePin(file, URL_A, pin);
    const back = exactPin({ manifest: { number: 2 } });
    await expect(writePin(file, URL_A, back)).rejects.toMatchObject({
      check: 'pin.manifest-number',
      message: expect.stringContaining(`vitrine pins rm ${URL_A}`),
    });
    expect(await findPin(file, URL_A)).toEqual(pin);
    expect(await removePin(file, URL_A)).toEqual(pin);
    await writePin(file, URL_A, back);
    expect(await removePin(file, 'https://other.example/')).toBeUndefined();
    expect(await findPin(file, URL_A)).toEqual(back);
  });

  promise('P2', 'a higher number is remembered for a pin by source, and only for that', async () => {
    await writePin(file, URL_A, SOURCE_PIN);
    await writePin(file, URL_B, pin);
    for (const seen of [5, 4]) {
      await raiseManifestNumber(file, URL_A, seen);
      await raiseManifestNumber(file, URL_B, seen);
    }
    expect(await findPin(file, URL_A)).toEqual({ ...SOURCE_PIN, manifestNumber: 5 });
    expect(await findPin(file, URL_B)).toEqual(pin);
    await raiseManifestNumber(file, 'https://other.example/', 5);
    expect(Object.keys((await readPins(file)).pins)).toHaveLength(2);
  });

  promise('P3', 'the first catalogue stays, whoever lists another', async () => {
    await writePin(file, URL_A, pin);
    await recordCatalogue(file, URL_A, pin, CATALOGUE);
    await recordCatalogue(file, URL_A, pin, CATALOGUE);
    const other = catalogueOf({ name: 'echo', description: 'Says it to me' });
    await expect(recordCatalogue(file, URL_A, pin, other)).rejects.toMatchObject({ check: 'pin.catalogue' });
    expect(await findPin(file, URL_A)).toEqual({ ...pin, catalogue: CATALOGUE });
    // Pinned again unchanged, it stays; with other code, another one may come.
    await writePin(file, URL_A, pin);
    expect((await findPin(file, URL_A))?.catalogue).toEqual(CATALOGUE);
    const next = exactPin({ manifest: { number: 4 } });
    expect(describePinChange({ ...pin, catalogue: CATALOGUE }, next).at(-1)).toMatch(/catalogue is forgotten/);
    await writePin(file, URL_A, next);
    expect((await findPin(file, URL_A))?.catalogue).toBeUndefined();
    await expect(recordCatalogue(file, URL_A, pin, CATALOGUE)).rejects.toMatchObject({ check: 'pin.catalogue' });
    await expect(recordCatalogue(file, URL_B, pin, CATALOGUE)).rejects.toMatchObject({ check: 'pin.catalogue' });
  });

  test('a tool may have any name', async () => {
    const odd = catalogueOf({ name: '__proto__', description: 'x' }, { name: '', description: 'y' });
    await writePin(file, URL_A, { ...pin, catalogue: odd });
    const read = await findPin(file, URL_A);
    expect(read?.catalogue?.digest).toBe(odd.digest);
    expect(Object.keys(read?.catalogue?.tools ?? {})).toEqual(['__proto__', '']);
  });

  test('a catalogue that is too large is kept by its digests', () => {
    const large = catalogueOf({ name: 'a', description: 'x'.repeat(1 << 20) }, { name: 'b', description: '' });
    expect(JSON.stringify(large).length).toBeLessThan(1_000);
  });

  test('a pin of an earlier version has no manifest and is still good', async () => {
    const { manifest: _, ...earlier } = pin;
    await writeFile(file, JSON.stringify({ type: 'vitrine/pins/v1', pins: { [URL_A]: earlier } }));
    const read = (await findPin(file, URL_A)) as ExactPin;
    expect(read).toEqual(earlier);
    expect(() => requirePinned(read, result())).not.toThrow();
    expect(describePinMismatch(read, result({ manifest: { name: 'other' } })).at(-2)).toMatch(/does not keep it/);
    expect(describePinChange(read, pin)).toContain('packages: packages is stated only by the new pin');
  });
});

test('a policy that was kept before there were deny-lists demands none, and any other what it says', async () => {
  const { denied: _, ...workload } = presets.strict.workload;
  const earlier = { ...pin, policy: { ...presets.strict, workload } };
  await writeFile(file, JSON.stringify({ type: 'vitrine/pins/v1', pins: { [URL_A]: earlier } }));
  expect((await findPin(file, URL_A))?.policy).toEqual(presets.strict);
  const denied = { keys: ['ab'.repeat(32)], threshold: 1, minNumber: 7 };
  const demanding = { ...pin, policy: { ...presets.strict, workload: { ...presets.strict.workload, denied } } };
  await writeFile(file, JSON.stringify({ type: 'vitrine/pins/v1', pins: { [URL_A]: demanding } }));
  expect((await findPin(file, URL_A))?.policy).toEqual(demanding.policy);
  const { code: __, ...less } = presets.strict.workload;
  const damagedPolicy = { ...pin, policy: { ...presets.strict, workload: less } };
  await writeFile(file, JSON.stringify({ type: 'vitrine/pins/v1', pins: { [URL_A]: damagedPolicy } }));
  await expect(findPin(file, URL_A)).rejects.toMatchObject({ code: 'pins.damaged' });
});

describe('a pin by source', () => {
  promise('P2', 'never accepts: it could not be checked', () => {
    for (const found of [result(), result({ manifest: { number: 9 } })]) {
      let error: unknown;
      try {
        requirePinned(SOURCE_PIN, found);
      } catch (thrown) {
        error = thrown;
      }
      expect(describeRefusal(error)).toMatchObject({ check: 'pin.source', verdict: 'undetermined', exitCode: 3 });
    }
    expect(pinReferenceValues(SOURCE_PIN)).toBeUndefined();
  });

  promise('P2', 'lets nothing be opened', async () => {
    await writePin(file, URL_A, SOURCE_PIN);
    for (const policy of [{}, { policy: 'default' as const }]) {
      const trust = resolveTrust(URL_A, { home, purpose: 'connect', ...policy });
      await expect(trust).rejects.toMatchObject({ code: 'pin.source' });
    }
    const look = await resolveTrust(URL_A, { home, purpose: 'look' });
    expect(look.referenceValues).toBeUndefined();
  });
});

describe('a refused change', () => {
  const server = {
    source: { kind: 'command', command: 'test-server' },
    args: ['--verbose'],
    environment: { MODE: 'a\u202eb' },
    transport: 'stdio',
  } as const;

  promise('P7', 'says what changed, line by line, in clean text', () => {
    const found = result({ manifest: { server }, registers: { rtmr3: 'ff'.repeat(48) } });
    let error: unknown;
    try {
      requirePinned(pin, found);
    } catch (thrown) {
      error = thrown;
    }
    expect(describeRefusal(error)?.details).toEqual([
      'image: register rtmr3: 5555555555555555… -> ffffffffffffffff…',
      `configuration: manifest digest: ${pin.manifestDigest.slice(0, 16)}… -> ${found.claims?.manifestDigest?.slice(0, 16)}…`,
      'configuration: args: [] -> ["--verbose"]',
      'configuration: environment.MODE: absent -> "a\ufffdb"',
      'the manifest changed without a new number',
    ]);
    expect((error as Error).message).not.toContain('\n');
  });

  test('has nothing to tell where nothing differs or nothing is authenticated', () => {
    expect(describePinMismatch(pin, result())).toEqual([]);
    const { claims: _, ...unauthenticated } = result();
    expect(describePinMismatch(pin, unauthenticated)).toEqual([]);
  });

  test('does not shorten two digests to the same text', () => {
    const found = result({ registers: { rtmr3: `${'55'.repeat(47)}56` } });
    expect(describePinMismatch(pin, found)[0]).toContain(`${'55'.repeat(47)}56`);
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

  test('that nobody can read is waited for, and not for ever', async () => {
    await symlink(join(home, 'nowhere'), lock());
    await expect(withLock(lock(), wait, async () => 1)).rejects.toMatchObject({ code: 'lock.held' });
    await rm(lock());
    await mkdir(lock());
    await expect(withLock(lock(), wait, async () => 1)).rejects.toMatchObject({ code: 'lock.held' });
  });

  test('of a dead process is taken over', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    await writeFile(lock(), `${pid}\n`);
    expect(await withLock(lock(), wait, async () => readFile(lock(), 'utf8'))).toMatch(new RegExp(`^${process.pid} `));
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

  test('of something that is nobody else’s replaces a symbolic link', async () => {
    const target = join(home, 'target');
    await writeFile(target, 'old');
    await symlink(target, join(home, 'link'));
    await atomicWrite(join(home, 'link'), 'new', 0o600, 'replace-link');
    expect(await readFile(target, 'utf8')).toBe('old');
    expect((await lstat(join(home, 'link'))).isSymbolicLink()).toBe(false);
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
