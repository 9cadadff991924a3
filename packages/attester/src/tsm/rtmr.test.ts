import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type EmulatedRegisters, emulatedRegisters, type TdRegisterValues } from '../../../simulator/src/index.ts';
import type { DeviceFiles } from '../device-files.ts';
import { errnoError } from './errno.ts';
import { measureIntoRtmr, TDX_MEASUREMENTS } from './rtmr.ts';

const DIGEST = 'ab'.repeat(48);
const OTHER = 'cd'.repeat(48);
const extended = (...digests: readonly string[]): string =>
  digests.reduce(
    (register, digest) =>
      createHash('sha384')
        .update(Buffer.from(register + digest, 'hex'))
        .digest('hex'),
    '00'.repeat(48),
  );
const machine = (values: TdRegisterValues = {}): EmulatedRegisters => emulatedRegisters(values);
const rtmr3 = (registers: EmulatedRegisters): string => Buffer.from(registers.read('rtmr3')).toString('hex');
const refusing = (files: DeviceFiles, method: 'read' | 'write', code: string, name = 'rtmr3:sha384'): DeviceFiles => ({
  ...files,
  [method]: async (path: string, argument: never) => {
    if (path === `${TDX_MEASUREMENTS}/${name}`) throw errnoError(code, method);
    return files[method](path, argument);
  },
});

promise('P3', 'the manifest is extended into RTMR3 once, however often it is asked for', async () => {
  const registers = machine();
  expect(await measureIntoRtmr(registers, DIGEST)).toBe('extended');
  expect(rtmr3(registers)).toBe(extended(DIGEST));
  expect(await measureIntoRtmr(registers, DIGEST)).toBe('was-extended');
  expect(rtmr3(registers)).toBe(extended(DIGEST));
});

promise('P3', 'a machine that was launched with the manifest needs no extension', async () => {
  const registers = machine({ mrconfigid: DIGEST, rtmr3: OTHER });
  expect(await measureIntoRtmr(registers, DIGEST)).toBe('mrconfigid');
  expect(rtmr3(registers)).toBe(OTHER);
  expect(await measureIntoRtmr(machine({ mrconfigid: OTHER }), DIGEST)).toBe('extended');
});

for (const [what, value] of [
  ['another manifest', extended(OTHER)],
  ['the manifest twice', extended(DIGEST, DIGEST)],
  ['the manifest and more', extended(DIGEST, OTHER)],
  ['the digest itself', DIGEST],
] as const) {
  promise('P3', `a register that holds ${what} is left alone, and the machine has to be restarted`, async () => {
    const registers = machine({ rtmr3: value });
    await expect(measureIntoRtmr(registers, DIGEST)).rejects.toMatchObject({
      code: 'attester.hardware',
      message: expect.stringContaining('restart the machine'),
    });
    expect(rtmr3(registers)).toBe(value);
  });
}

promise('P3', 'somebody who extends at the same time is noticed', async () => {
  const registers = machine();
  const write: DeviceFiles['write'] = async (path, bytes) => {
    await registers.files.write(path, bytes);
    await registers.files.write(path, bytes);
  };
  await expect(measureIntoRtmr({ files: { ...registers.files, write } }, DIGEST)).rejects.toThrow(/at the same time/);
});

promise('P3', 'a write that has no effect is noticed', async () => {
  const { files } = machine();
  await expect(measureIntoRtmr({ files: { ...files, write: async () => undefined } }, DIGEST)).rejects.toMatchObject({
    code: 'attester.hardware',
  });
});

test('a kernel without these files says what it takes', async () => {
  const { files } = machine();
  const error = await measureIntoRtmr({ files, root: '/sys/none' }, DIGEST).catch((cause: unknown) => cause);
  expect(error).toMatchObject({ code: 'attester.unavailable' });
  expect(String(error)).toMatch(/Linux 6\.16/);
});

test.each([
  ['write', 'EACCES', 'attester.unavailable'],
  ['write', 'EPERM', 'attester.unavailable'],
  ['write', 'EIO', 'attester.hardware'],
  ['read', 'EIO', 'attester.hardware'],
] as const)('%s that fails with %s', async (method, code, expected) => {
  const files = refusing(machine().files, method, code);
  await expect(measureIntoRtmr({ files }, DIGEST)).rejects.toMatchObject({ code: expected });
});

test('a register of another size', async () => {
  const { files } = machine();
  const read: DeviceFiles['read'] = async (path, limit) => (await files.read(path, limit)).subarray(1);
  await expect(measureIntoRtmr({ files: { ...files, read } }, DIGEST)).rejects.toThrow(/expected 48 bytes/);
});

test.each(['', 'ab', 'AB'.repeat(48), `${DIGEST}00`])('%j is no manifest digest', async (digest) => {
  const registers = machine();
  await expect(measureIntoRtmr(registers, digest)).rejects.toMatchObject({ code: 'attester.manifest-digest' });
  expect(rtmr3(registers)).toBe('00'.repeat(48));
});
