import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { explainOpening, openTpm } from './open-tpm.ts';
import { loadAttestationKey } from './primary-keys.ts';
import { readManufacturer } from './registers.ts';
import { useTestTpm } from './testing/fresh-tpm.ts';
import type { TpmLimits } from './transport.ts';

const tpm = useTestTpm();
let base = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vitrine-open-tpm-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const limits: TpmLimits = { answerMs: 1, attempts: 2, retryMs: 1, sleep: () => new Promise(() => undefined) };
let used = 0;

/** Something at a socket that is no TPM. */
async function speaking(answer: (socket: Socket) => void): Promise<string> {
  const path = join(base, `s${used++}`);
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', () => answer(socket));
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return path;
}

test('where nothing is, the error says what to give', async () => {
  await expect(openTpm(join(base, 'none'))).rejects.toMatchObject({
    code: 'attester.unavailable',
    message: expect.stringContaining('give the machine a TPM 2.0'),
  });
});

test('a file is no TPM', async () => {
  await writeFile(join(base, 'file'), '');
  await expect(openTpm(join(base, 'file'))).rejects.toMatchObject({
    code: 'attester.unavailable',
    message: expect.stringContaining('neither a character device nor a socket'),
  });
});

test('a device that is no TPM is a failure, not a hang', async () => {
  const transport = await openTpm('/dev/null', limits);
  await expect(readManufacturer(transport)).rejects.toMatchObject({ code: 'attester.hardware' });
  await transport.close();
});

test.each([
  ['EACCES', 'attester.unavailable', /group that owns it \(usually tss/],
  ['EPERM', 'attester.unavailable', /no permission/],
  ['ENXIO', 'attester.unavailable', /no TPM at/],
  ['ECONNREFUSED', 'attester.unavailable', /start the emulator/],
  ['EBUSY', 'attester.busy', /\/dev\/tpmrm0/],
])('%s is explained', (code, expected, says) => {
  const error = explainOpening('/dev/tpmrm0', Object.assign(new Error(code), { code }));
  expect(error).toMatchObject({ code: expected, message: expect.stringMatching(says) });
});

test('any other error stays what it is', () => {
  const error = new Error('else');
  expect(explainOpening('/dev/tpmrm0', error)).toBe(error);
});

describe('a socket that is no TPM', () => {
  test.each<[string, (socket: Socket) => void]>([
    ['hangs up', (socket) => socket.destroy()],
    ['says too much', (socket) => socket.write(Buffer.alloc(5000))],
    ['says one byte more', (socket) => socket.write(Buffer.from('80010000000a0000000000', 'hex'))],
    ['speaks another protocol in few words', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['speaks another protocol', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(200))],
  ])('%s: a failure of the hardware', async (_, answer) => {
    await expect(openTpm(await speaking(answer), limits)).rejects.toMatchObject({ code: 'attester.hardware' });
  });

  test('says nothing: a failure of the hardware when the time is over', async () => {
    const path = await speaking(() => undefined);
    const late: TpmLimits = { ...limits, sleep: () => new Promise(setImmediate) };
    await expect(openTpm(path, late)).rejects.toMatchObject({
      code: 'attester.hardware',
      message: expect.stringContaining('did not answer'),
    });
  });
});

promise.unless(tpm.missing, 'P3', 'a TPM in software answers, and says who made it', async () => {
  expect(await readManufacturer(tpm.transport())).toBe('IBM');
});

promise.unless(tpm.missing, 'P3', 'what a process left behind that was killed does not fill the TPM up', async () => {
  await tpm.transport().close();
  for (let restart = 0; restart < 5; restart++) {
    const transport = await openTpm(tpm.emulator().path);
    await loadAttestationKey(transport);
    await loadAttestationKey(transport);
    await transport.close();
  }
  await tpm.powerCycle();
});
