import { open } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Ffi, nativeOf, openSevGuest } from './open-sev-guest.ts';

const sleep = async (): Promise<void> => undefined;
const koffi = async (): Promise<Ffi> => (await import('koffi')).default;
const missing: string | false =
  process.platform === 'linux'
    ? await koffi().then(
        () => false as const,
        () => 'koffi is not for this system',
      )
    : 'needs Linux';

promise.unless(missing, 'P4', 'koffi calls into the kernel and brings its errno along', async () => {
  const handle = await open('/dev/null', 'r+');
  const native = nativeOf(await koffi(), handle);
  const argument = new Uint8Array(new ArrayBuffer(32));
  // The device of this test knows no such request.
  expect(await native.ioctl(0xc0205300, argument)).toEqual({ result: -1, errno: 25 });
  expect(argument).toEqual(new Uint8Array(32));
  await native.close();
  await native.close();
  expect(await native.ioctl(0xc0205300, argument)).toEqual({ result: -1, errno: 9 });
});

promise.unless(missing, 'P4', 'koffi tells where bytes are, and the kernel writes there', async () => {
  const ffi = await koffi();
  const bytes = new Uint8Array(new ArrayBuffer(64));
  const inner = bytes.subarray(8);
  expect(ffi.address(inner) - ffi.address(bytes)).toBe(8n);
  // FIONREAD of a regular file: how many bytes are left to read.
  const handle = await open(import.meta.filename, 'r');
  const native = nativeOf(ffi, handle);
  expect(await native.ioctl(0x541b, inner)).toEqual({ result: 0, errno: 0 });
  expect(new DataView(bytes.buffer).getInt32(8, true)).toBe((await handle.stat()).size);
  await native.close();
});

promise.unless(missing, 'P4', 'a file that is no such device is refused in words', async () => {
  const guest = await openSevGuest('/dev/null', sleep);
  await expect(guest.extendedReport(new Uint8Array(64), 0)).rejects.toMatchObject({
    code: 'attester.hardware',
    message: expect.stringContaining('this is not the SEV guest device'),
  });
  await guest.close();
});

test('without the device', async () => {
  await expect(openSevGuest('/dev/none-such', sleep)).rejects.toMatchObject({
    code: 'attester.unavailable',
    message: expect.stringContaining('/dev/none-such cannot be opened (ENOENT): this needs an SEV-SNP guest'),
  });
});

test('without koffi', async () => {
  const absent = async (): Promise<never> => {
    throw Object.assign(new Error("Cannot find package 'koffi'"), { code: 'ERR_MODULE_NOT_FOUND' });
  };
  await expect(openSevGuest(import.meta.filename, sleep, absent)).rejects.toMatchObject({
    code: 'attester.unavailable',
    message: expect.stringContaining('install koffi@3.3.4'),
  });
});
