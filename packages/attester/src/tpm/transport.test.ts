/** Faults of a TPM, by a channel that has them. */
import { fromHex, VitrineError } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { deviceChannel } from './open-tpm.ts';
import { type TpmChannel, type TpmLimits, transportOver, USUAL_TPM_LIMITS } from './transport.ts';

const bytes = (digits: string): Uint8Array<ArrayBuffer> => fromHex(digits) ?? new Uint8Array(0);
const COMMAND = bytes('80010000000c0000017b0008');
const OK = bytes('80010000000e000000000002abcd');
const refusal = (code: string): Uint8Array<ArrayBuffer> => bytes(`80010000000a${code}`);
const RETRY = refusal('00000922');
const never = (): Promise<never> => new Promise(() => undefined);

/** Waits for retries are over at once; the limit of an answer is over when `late` says so. */
function limits(late: () => Promise<void> = never, waits: number[] = []): TpmLimits {
  return {
    ...USUAL_TPM_LIMITS,
    sleep: (milliseconds) => {
      if (milliseconds === USUAL_TPM_LIMITS.answerMs) return late();
      waits.push(milliseconds);
      return Promise.resolve();
    },
  };
}

function answering(
  ...answers: readonly (Uint8Array | Error | 'never')[]
): TpmChannel & { readonly sent: Uint8Array[] } {
  const sent: Uint8Array[] = [];
  return {
    sent,
    async send(command) {
      const answer = answers[sent.length];
      sent.push(command);
      if (answer === 'never') return never();
      if (answer === undefined) throw new Error('asked too often');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    close: async () => undefined,
  };
}

test('an answer is given as it came', async () => {
  const channel = answering(OK);
  expect(await transportOver(channel, limits()).exchange(COMMAND)).toEqual(OK);
  expect(channel.sent).toEqual([COMMAND]);
});

test('a refusal is an answer', async () => {
  expect(await transportOver(answering(refusal('0000099d')), limits()).exchange(COMMAND)).toEqual(refusal('0000099d'));
});

test.each(['00000922', '00000908', '0000090a', '00000920'])(
  '"not now" (%s) is asked again, more and more rarely',
  async (code) => {
    const waits: number[] = [];
    const channel = answering(refusal(code), refusal(code), OK);
    expect(await transportOver(channel, limits(never, waits)).exchange(COMMAND)).toEqual(OK);
    expect(channel.sent).toEqual([COMMAND, COMMAND, COMMAND]);
    expect(waits).toEqual([20, 40]);
  },
);

test('a TPM that is always busy is said to be, and can be asked later', async () => {
  const channel = answering(...Array.from({ length: 8 }, () => RETRY), OK);
  const transport = transportOver(channel, limits());
  await expect(transport.exchange(COMMAND)).rejects.toMatchObject({
    code: 'attester.busy',
    message: expect.stringContaining('0x922 TPM_RC_RETRY'),
  });
  expect(channel.sent).toHaveLength(8);
  expect(await transport.exchange(COMMAND)).toEqual(OK);
});

describe('what is not one answer', () => {
  const cases: readonly [what: string, answer: Uint8Array, says: RegExp][] = [
    ['nothing', bytes(''), /0 bytes, fewer than a header/],
    ['a short header', OK.subarray(0, 9), /9 bytes, fewer/],
    ['an answer cut short', OK.subarray(0, 13), /says 14 bytes and has 13/],
    ['a byte too many', Uint8Array.from([...OK, 0]), /says 14 bytes and has 15/],
    ['more than the device gives', new Uint8Array(4097), /more than 4096/],
    ['another tag', bytes('80030000000a00000000'), /tag 0x8003/],
    ['a TPM 1.2', bytes('00c40000000a00000026'), /version 1\.2/],
  ];
  for (const [what, answer, says] of cases) {
    test(`${what} is a failure of the hardware, after which nothing is sent`, async () => {
      const channel = answering(answer, OK);
      const transport = transportOver(channel, limits());
      const expected = { code: 'attester.hardware', message: expect.stringMatching(says) };
      await expect(transport.exchange(COMMAND)).rejects.toMatchObject(expected);
      await expect(transport.exchange(COMMAND)).rejects.toMatchObject(expected);
      expect(channel.sent).toHaveLength(1);
    });
  }

  promise('P7', 'any bytes give an answer or the error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (answer) => {
        const transport = transportOver(answering(answer), limits());
        try {
          expect(await transport.exchange(COMMAND)).toEqual(answer);
        } catch (error) {
          expect(error).toBeInstanceOf(VitrineError);
        }
      }),
    );
  });
});

test('an answer that does not come is a failure of the hardware, after which nothing is sent', async () => {
  const channel = answering('never', OK);
  const transport = transportOver(
    channel,
    limits(() => Promise.resolve()),
  );
  const expected = { code: 'attester.hardware', message: expect.stringContaining('did not answer within 30000 ms') };
  await expect(transport.exchange(COMMAND)).rejects.toMatchObject(expected);
  await expect(transport.exchange(COMMAND)).rejects.toMatchObject(expected);
  expect(channel.sent).toHaveLength(1);
});

test('an error of the device is a failure of the hardware', async () => {
  await expect(transportOver(answering(new Error('EIO')), limits()).exchange(COMMAND)).rejects.toMatchObject({
    code: 'attester.hardware',
    message: 'the TPM could not be asked: EIO. Start again what uses it once the TPM is there',
  });
});

test('commands are sent one after the other', async () => {
  let under = 0;
  let most = 0;
  const channel: TpmChannel = {
    async send() {
      under += 1;
      most = Math.max(most, under);
      await new Promise(setImmediate);
      under -= 1;
      return OK;
    },
    close: async () => undefined,
  };
  const transport = transportOver(channel, limits());
  await Promise.all(Array.from({ length: 10 }, () => transport.exchange(COMMAND)));
  expect(most).toBe(1);
});

test('closing is idempotent, and what is asked afterwards is refused', async () => {
  let closed = 0;
  const close = async (): Promise<void> => {
    closed += 1;
  };
  const channel: TpmChannel = { ...answering(OK), close };
  const transport = transportOver(channel, limits());
  await Promise.all([transport.close(), transport.close()]);
  await transport.close();
  expect(closed).toBe(1);
  await expect(transport.exchange(COMMAND)).rejects.toMatchObject({ code: 'attester.unavailable' });
});

test('a command that no TPM takes is a mistake of ours', async () => {
  await expect(transportOver(answering(), limits()).exchange(new Uint8Array(4097))).rejects.toThrow(RangeError);
});

describe('the character device', () => {
  const device = (wrote: number, answer: Uint8Array): Parameters<typeof deviceChannel>[0] =>
    ({
      write: async () => ({ bytesWritten: wrote }),
      read: async (buffer: Uint8Array) => {
        buffer.set(answer);
        return { bytesRead: answer.length };
      },
      close: async () => undefined,
    }) as unknown as Parameters<typeof deviceChannel>[0];

  test('one write and one read are a command', async () => {
    const transport = transportOver(deviceChannel(device(COMMAND.length, OK)), limits());
    expect(await transport.exchange(COMMAND)).toEqual(OK);
  });

  test('a short write and an empty read are failures', async () => {
    await expect(transportOver(deviceChannel(device(5, OK)), limits()).exchange(COMMAND)).rejects.toMatchObject({
      code: 'attester.hardware',
      message: expect.stringContaining('took 5 of 12 bytes'),
    });
    await expect(
      transportOver(deviceChannel(device(COMMAND.length, new Uint8Array(0))), limits()).exchange(COMMAND),
    ).rejects.toMatchObject({ code: 'attester.hardware' });
  });
});
