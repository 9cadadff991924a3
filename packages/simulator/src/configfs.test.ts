import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { type ConfigfsFaults, type EmulatedConfigfsOptions, emulatedConfigfs } from './configfs.ts';
import { mounted, readOnlyFiles } from './configfs-mount.ts';
import { emulatedRegisters, showRegisters } from './rtmr.ts';

const ROOT = '/sys/kernel/config/tsm/report';
const DIRECTORY = `${ROOT}/one`;
const INBLOB = new Uint8Array(64).fill(5);

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

async function tree(options: Partial<EmulatedConfigfsOptions> = {}, faults: ConfigfsFaults = {}) {
  const asked: [Uint8Array, number][] = [];
  const files = emulatedConfigfs({
    provider: 'sev_guest',
    quote: async (inblob, privlevel) => {
      asked.push([Uint8Array.from(inblob), privlevel]);
      return Uint8Array.from({ length: 5000 }, (_, index) => index % 256);
    },
    auxblob: async () => bytes('table'),
    faults,
    ...options,
  });
  await files.makeDirectory(DIRECTORY);
  const read = (attribute: string, limit = 65_536): Promise<Uint8Array> =>
    files.read(`${DIRECTORY}/${attribute}`, limit);
  const write = (attribute: string, value: Uint8Array): Promise<void> =>
    files.write(`${DIRECTORY}/${attribute}`, value);
  const generation = async (): Promise<string> => text(await read('generation'));
  return { files, asked, read, write, generation };
}

describe('attributes', () => {
  test('are those of the provider', async () => {
    const sev = await tree();
    const common = ['inblob', 'outblob', 'provider', 'generation'];
    expect(await sev.files.list(DIRECTORY)).toEqual([...common, 'auxblob', 'privlevel', 'privlevel_floor']);
    expect(text(await sev.read('provider'))).toBe('sev_guest\n');
    expect(text(await sev.read('privlevel_floor'))).toBe('0\n');
    const tdx = await tree({ provider: 'tdx_guest' });
    expect(await tdx.files.list(DIRECTORY)).toEqual(common);
    for (const attribute of ['auxblob', 'privlevel', 'manifestblob', 'inblob/x', '']) {
      await expect(tdx.read(attribute)).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await tdx.files.exists(`${DIRECTORY}/${attribute}`)).toBe(false);
    }
  });

  test('are read or written as the kernel has it', async () => {
    const { read, write, generation } = await tree();
    await expect(read('inblob')).rejects.toMatchObject({ code: 'EACCES' });
    for (const attribute of ['outblob', 'provider', 'generation', 'auxblob']) {
      await expect(write(attribute, INBLOB)).rejects.toMatchObject({ code: 'EACCES' });
    }
    expect(await generation()).toBe('0\n');
  });

  test.each(['4', '-1', 'x', ''])('%j is no privilege level', async (level) => {
    const { write, generation } = await tree();
    await expect(write('privlevel', bytes(level))).rejects.toMatchObject({ code: 'EINVAL' });
    expect(await generation()).toBe('0\n');
  });
});

describe('evidence', () => {
  test('is made when it is read, once for each generation', async () => {
    const { asked, read, write, generation } = await tree();
    await write('privlevel', bytes('2\n'));
    await write('inblob', INBLOB);
    expect([await generation(), asked.length]).toEqual(['2\n', 0]);
    expect(await read('outblob')).toHaveLength(5000);
    expect((await read('outblob'))[4999]).toBe(4999 % 256);
    expect(text(await read('auxblob'))).toBe('table');
    expect(asked).toEqual([[INBLOB, 2]]);
    await write('inblob', INBLOB);
    await read('auxblob');
    expect([await generation(), asked.length]).toEqual(['3\n', 2]);
  });

  test('needs report data of 64 bytes, which shows only now', async () => {
    const { read, write, generation } = await tree();
    await expect(read('outblob')).rejects.toMatchObject({ code: 'EINVAL' });
    await write('inblob', INBLOB.subarray(1));
    expect(await generation()).toBe('1\n');
    await expect(read('outblob')).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(write('inblob', new Uint8Array(65))).rejects.toMatchObject({ code: 'EFBIG' });
  });

  test('is made for one at a time, and a directory in use stays', async () => {
    let release: (made: Uint8Array) => void = () => undefined;
    const quote = (): Promise<Uint8Array> =>
      new Promise((resolve) => {
        release = resolve;
      });
    const { files, read, write } = await tree({ quote });
    await files.makeDirectory(`${ROOT}/two`);
    await files.write(`${ROOT}/two/inblob`, INBLOB);
    await write('inblob', INBLOB);
    const first = read('outblob');
    await expect(files.read(`${ROOT}/two/outblob`, 65_536)).rejects.toMatchObject({ code: 'EBUSY' });
    await expect(files.removeDirectory(DIRECTORY)).rejects.toMatchObject({ code: 'EBUSY' });
    release(Uint8Array.of(1));
    expect(await first).toEqual(Uint8Array.of(1));
    await files.removeDirectory(DIRECTORY);
    expect(await files.list(ROOT)).toEqual(['two']);
  });

  test('that is longer than the kernel or the reader takes', async () => {
    const long = await tree({}, { outblob: () => new Uint8Array(32_769) });
    await long.write('inblob', INBLOB);
    await expect(long.read('outblob')).rejects.toMatchObject({ code: 'EFBIG' });
    const { read, write } = await tree();
    await write('inblob', INBLOB);
    await expect(read('outblob', 4999)).rejects.toMatchObject({ code: 'EFBIG' });
    expect(await read('outblob', 5000)).toHaveLength(5000);
  });

  test('that fails leaves the hardware free', async () => {
    let isBroken = true;
    const quote = async (): Promise<Uint8Array> => {
      if (isBroken) throw new Error('broken');
      return Uint8Array.of(1);
    };
    const { read, write } = await tree({ quote });
    await write('inblob', INBLOB);
    await expect(read('outblob')).rejects.toThrow('broken');
    isBroken = false;
    expect(await read('outblob')).toEqual(Uint8Array.of(1));
  });
});

describe('faults', () => {
  promise('P3', 'refused report data shows in the generation alone', async () => {
    const { read, write, generation } = await tree({}, { refused: 1 });
    await write('inblob', INBLOB);
    expect(await generation()).toBe('0\n');
    await expect(read('outblob')).rejects.toMatchObject({ code: 'EINVAL' });
    await write('inblob', INBLOB);
    expect(await generation()).toBe('1\n');
  });

  test('are used up', async () => {
    const { read, write, generation, files } = await tree({}, { busy: 1, disturbed: 1, stuck: 1, shortWrites: 1 });
    await expect(write('inblob', INBLOB)).rejects.toMatchObject({ code: 'EIO' });
    expect(await generation()).toBe('2\n');
    await write('inblob', INBLOB);
    expect(await generation()).toBe('3\n');
    await expect(read('outblob')).rejects.toMatchObject({ code: 'EBUSY' });
    expect(await read('outblob')).toHaveLength(5000);
    await expect(files.removeDirectory(DIRECTORY)).rejects.toMatchObject({ code: 'EBUSY' });
    await files.removeDirectory(DIRECTORY);
  });

  test('of single attributes', async () => {
    const { read } = await tree({}, { errors: { provider: 'EIO' } });
    await expect(read('provider')).rejects.toMatchObject({ code: 'EIO', syscall: 'read' });
  });
});

test('directories are made right below the root', async () => {
  const { files } = await tree();
  await expect(files.makeDirectory(DIRECTORY)).rejects.toMatchObject({ code: 'EEXIST' });
  for (const path of [`${DIRECTORY}/two`, '/sys/kernel/config/tsm', `${ROOT}/`]) {
    await expect(files.makeDirectory(path)).rejects.toMatchObject({ code: 'ENOENT' });
  }
  await expect(files.removeDirectory(`${ROOT}/none`)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(files.list('/sys')).rejects.toMatchObject({ code: 'ENOENT' });
  expect([await files.exists(ROOT), await files.exists(DIRECTORY), await files.exists(`${ROOT}/none`)]).toEqual([
    true,
    true,
    false,
  ]);
});

test('registers are extended by 48 bytes, and the firmware’s not at all', async () => {
  const registers = emulatedRegisters({ rtmr0: '11'.repeat(48) }, '/m');
  const { files } = registers;
  expect(await files.list('/m')).toHaveLength(8);
  expect(await files.read('/m/rtmr0:sha384', 48)).toEqual(new Uint8Array(48).fill(0x11));
  for (const name of ['rtmr0:sha384', 'rtmr1:sha384', 'mrtd:sha384', 'mrconfigid']) {
    await expect(files.write(`/m/${name}`, new Uint8Array(48))).rejects.toMatchObject({ code: 'EACCES' });
  }
  for (const length of [0, 47, 49]) {
    await expect(files.write('/m/rtmr2:sha384', new Uint8Array(length))).rejects.toMatchObject({ code: 'EINVAL' });
  }
  await expect(files.read('/m/rtmr4:sha384', 48)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(files.read('/m/toString', 48)).rejects.toMatchObject({ code: 'ENOENT' });
  await files.write('/m/rtmr2:sha384', new Uint8Array(48));
  // SHA-384 of 96 zero bytes.
  const { createHash } = await import('node:crypto');
  expect(showRegisters(registers).rtmr2).toBe(createHash('sha384').update(new Uint8Array(96)).digest('hex'));
  expect(() => emulatedRegisters({ mrtd: 'ab' })).toThrow(/96 hexadecimal digits/);
});

test('a machine has the files of all its parts and no others', async () => {
  const one = readOnlyFiles({ '/a/one': () => new Uint8Array(2500) });
  const files = mounted({ '/a': one, '/b': emulatedRegisters({}, '/b').files });
  expect(await files.read('/a/one', 2500)).toHaveLength(2500);
  expect(await files.list('/a')).toEqual(['one']);
  expect([await files.exists('/a/one'), await files.exists('/b/mrowner'), await files.exists('/c')]).toEqual([
    true,
    true,
    false,
  ]);
  await expect(files.read('/ab', 1)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(files.write('/a/one', new Uint8Array())).rejects.toMatchObject({ code: 'EACCES' });
  await expect(files.write('/a/two', new Uint8Array())).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(files.makeDirectory('/a/x')).rejects.toMatchObject({ code: 'EPERM' });
  await expect(files.removeDirectory('/b/x')).rejects.toMatchObject({ code: 'EPERM' });
});
