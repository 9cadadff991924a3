import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Native, sevGuestDevice } from './device.ts';
import { fieldSelect } from './messages.ts';
import type { DerivedKeyRequest, SevGuest } from './sev-guest.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const REPORT_DATA = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
const EIO = 5;
const KEY_REQUEST: DerivedKeyRequest = {
  rootKey: 'vcek',
  fields: ['measurement'],
  vmpl: 0,
  guestSvn: 0,
  tcbVersion: 0n,
};

const view = (bytes: Bytes): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

interface Call {
  readonly request: number;
  readonly version: number;
  /** A copy of what the first pointer led to. */
  readonly sent: Bytes;
}

/** What a kernel answers to one call: an errno with exitinfo2, or success after filling in the response. */
type Answer =
  | { readonly errno: number; readonly exitinfo2?: bigint; readonly tableLength?: number }
  | ((sent: Bytes, response: Bytes, table: Bytes | undefined) => void);

interface FakeKernel {
  readonly guest: SevGuest;
  readonly calls: readonly Call[];
  readonly slept: () => number;
  readonly closed: () => number;
}

/** A kernel that knows buffers by the addresses that it was asked for, as the real one knows memory. */
function kernel(...answers: readonly Answer[]): FakeKernel {
  const memory = new Map<bigint, Bytes>();
  const calls: Call[] = [];
  let next = 0x7f00_0000_0000n;
  let slept = 0;
  let closed = 0;
  const at = (address: bigint): Bytes => {
    const bytes = memory.get(address);
    if (bytes === undefined) throw new Error(`EFAULT 0x${address.toString(16)}`);
    return bytes;
  };
  const native: Native = {
    address: (bytes) => {
      next += 0x1000n;
      memory.set(next, bytes);
      return next;
    },
    ioctl: async (request, argument) => {
      expect(argument).toHaveLength(32);
      const [sent, response] = [at(view(argument).getBigUint64(8, true)), at(view(argument).getBigUint64(16, true))];
      calls.push({ request, version: argument[0] ?? 0, sent: Uint8Array.from(sent) });
      const answer = answers[Math.min(calls.length, answers.length) - 1];
      if (answer === undefined) throw new Error('no answer');
      if (typeof answer === 'object') {
        view(argument).setBigUint64(24, answer.exitinfo2 ?? 0n, true);
        if (answer.tableLength !== undefined) view(sent).setUint32(104, answer.tableLength, true);
        return { result: -1, errno: answer.errno };
      }
      const table = sent.length === 112 ? view(sent).getBigUint64(96, true) : 0n;
      answer(sent, response, table === 0n ? undefined : at(table));
      return { result: 0, errno: 0 };
    },
    close: async () => {
      closed++;
    },
  };
  const sleep = async (milliseconds: number): Promise<void> => {
    slept += milliseconds;
  };
  return { guest: sevGuestDevice(native, sleep), calls, slept: () => slept, closed: () => closed };
}

/** MSG_REPORT_RSP. */
const report =
  (status = 0, size = 0x4a0) =>
  (sent: Bytes, response: Bytes, table?: Bytes): void => {
    expect(response).toHaveLength(4000);
    view(response).setUint32(0, status, true);
    view(response).setUint32(4, size, true);
    response.set(sent.subarray(0, 64), 32 + 0x50);
    response[32 + 0x30] = sent[64] ?? 0;
    response[32 + 0x49f] = 0xee;
    table?.fill(0x77);
  };
/** MSG_KEY_RSP. */
const key =
  (status = 0, value = 0x42) =>
  (_sent: Bytes, response: Bytes): void => {
    expect(response).toHaveLength(64);
    view(response).setUint32(0, status, true);
    response.fill(value, 32);
  };
const TOO_SHORT: Answer = { errno: EIO, exitinfo2: 1n << 32n, tableLength: 8192 };
const BUSY: Answer = { errno: EIO, exitinfo2: 2n << 32n };

describe('a report', () => {
  test('of a host without certificates takes one call', async () => {
    const { guest, calls } = kernel(report());
    const answered = await guest.extendedReport(REPORT_DATA, 1);
    expect(answered.certificates).toHaveLength(0);
    expect(answered.report).toHaveLength(0x4a0);
    expect(answered.report.subarray(0x50, 0x90)).toEqual(REPORT_DATA);
    expect([answered.report[0x30], answered.report[0x49f]]).toEqual([1, 0xee]);
    expect(calls).toHaveLength(1);
    const sent = new Uint8Array(112);
    sent.set(REPORT_DATA);
    sent[64] = 1;
    expect(calls[0]).toEqual({ request: 0xc0205302, version: 1, sent });
  });

  test('is asked for anew with a table of the length that the host wants', async () => {
    const { guest, calls } = kernel(TOO_SHORT, report());
    const answered = await guest.extendedReport(REPORT_DATA, 0);
    expect(answered.certificates).toEqual(new Uint8Array(8192).fill(0x77));
    const second = calls[1]?.sent ?? new Uint8Array(112);
    expect(view(second).getUint32(104, true)).toBe(8192);
    expect(view(second).getBigUint64(96, true)).not.toBe(0n);
    expect(second.subarray(0, 96)).toEqual(calls[0]?.sent.subarray(0, 96));
  });

  test('follows a table that grew in between', async () => {
    const { guest } = kernel({ errno: 28, tableLength: 4096 }, TOO_SHORT, report());
    expect((await guest.extendedReport(REPORT_DATA, 0)).certificates).toHaveLength(8192);
  });

  test.each<[string, readonly Answer[]]>([
    ['a kernel that has no such request', [{ errno: 22 }]],
    ['a host that fails with another error', [{ errno: EIO, exitinfo2: 5n << 32n }]],
    ['a table of 1 GiB', [{ ...TOO_SHORT, tableLength: 1 << 30 }]],
    ['a table of no whole pages', [{ ...TOO_SHORT, tableLength: 100 }]],
    ['a table of no length', [{ ...TOO_SHORT, tableLength: 0 }]],
    ['a table that always grows', [TOO_SHORT, TOO_SHORT, TOO_SHORT]],
  ])('comes without certificates from %s', async (_what, answers) => {
    const { guest, calls } = kernel(...answers, report());
    const answered = await guest.extendedReport(REPORT_DATA, 2);
    expect(answered.certificates).toHaveLength(0);
    expect(answered.report.subarray(0x50, 0x90)).toEqual(REPORT_DATA);
    const last = calls.at(-1);
    expect(last?.request).toBe(0xc0205300);
    expect(last?.sent).toHaveLength(96);
    expect(last?.sent[64]).toBe(2);
  });

  test.each([report(0x16), report(1), report(0, 0x4a1), report(0, 0)])('that is none is refused', async (answer) => {
    await expect(kernel(answer).guest.extendedReport(REPORT_DATA, 0)).rejects.toMatchObject({
      code: 'attester.hardware',
    });
  });

  test.each([0, 63, 65])('over %i bytes is not asked for', async (length) => {
    const { guest, calls } = kernel(report());
    await expect(guest.extendedReport(new Uint8Array(length), 0)).rejects.toMatchObject({ code: 'attester.length' });
    expect(calls).toHaveLength(0);
  });

  test.each([-1, 4, 0.5, Number.NaN])('of privilege level %f is not asked for', async (vmpl) => {
    await expect(kernel(report()).guest.extendedReport(REPORT_DATA, vmpl)).rejects.toThrow(/from 0 to 3/);
  });
});

describe('a derived key', () => {
  test('is asked for by its fields', async () => {
    const { guest, calls } = kernel(key());
    const derived = await guest.derivedKey({
      rootKey: 'vmrk',
      fields: ['policy', 'measurement', 'guest-svn'],
      vmpl: 3,
      guestSvn: 0x01020304,
      tcbVersion: 0x1122334455667788n,
    });
    expect(derived).toEqual(new Uint8Array(32).fill(0x42));
    const sent = '01000000' + '00000000' + '1900000000000000' + '03000000' + '04030201' + '8877665544332211';
    expect(calls).toEqual([{ request: 0xc0205301, version: 1, sent: Uint8Array.from(Buffer.from(sent, 'hex')) }]);
  });

  test('of launch mitigations takes the second version of the message', async () => {
    const { guest, calls } = kernel(key());
    await guest.derivedKey({ ...KEY_REQUEST, fields: ['launch-mitigations'], launchMitigations: 5n });
    expect(calls[0]?.version).toBe(2);
    expect(calls[0]?.sent).toHaveLength(40);
    expect(calls[0]?.sent[32]).toBe(5);
    await expect(guest.derivedKey({ ...KEY_REQUEST, fields: ['launch-mitigations'] })).rejects.toThrow(/exactly where/);
    await expect(guest.derivedKey({ ...KEY_REQUEST, launchMitigations: 1n })).rejects.toThrow(/exactly where/);
  });

  test('every field has a bit of its own', () => {
    const all = ['policy', 'image-id', 'family-id', 'measurement', 'guest-svn', 'tcb-version', 'launch-mitigations'];
    expect((all as DerivedKeyRequest['fields']).map((field) => fieldSelect([field]))).toEqual(
      all.map((_, index) => 1n << BigInt(index)),
    );
    expect(fieldSelect([])).toBe(0n);
  });

  promise('P4', 'that the firmware refuses, or that is zero, is no key', async () => {
    for (const answer of [key(0x16), key(1), key(0, 0)]) {
      await expect(kernel(answer).guest.derivedKey(KEY_REQUEST)).rejects.toMatchObject({ code: 'attester.hardware' });
    }
  });

  promise('P4', 'is not left in the buffer of the call', async () => {
    let seen: Bytes = new Uint8Array();
    const { guest } = kernel((sent, response) => {
      key()(sent, response);
      seen = response;
    });
    await guest.derivedKey(KEY_REQUEST);
    expect(seen).toEqual(new Uint8Array(64));
  });
});

describe('errors', () => {
  test('a host that throttles is asked again, within bounds', async () => {
    const few = kernel(BUSY, { errno: 11 }, { errno: 4 }, { errno: 16 }, report());
    await few.guest.extendedReport(REPORT_DATA, 0);
    expect(few.slept()).toBe(1000);
    const ever = kernel(BUSY);
    await expect(ever.guest.extendedReport(REPORT_DATA, 0)).rejects.toMatchObject({ code: 'attester.busy' });
    expect(ever.calls).toHaveLength(20);
    await expect(ever.guest.derivedKey(KEY_REQUEST)).rejects.toMatchObject({ code: 'attester.busy' });
  });

  test('the error of the firmware is shown', async () => {
    const { guest } = kernel({ errno: EIO, exitinfo2: 0x1bn });
    await expect(guest.derivedKey(KEY_REQUEST)).rejects.toMatchObject({
      code: 'attester.hardware',
      message: expect.stringMatching(/errno 5, fw_error 0x1b, vmm_error 0x0/),
    });
    await expect(guest.extendedReport(REPORT_DATA, 0)).rejects.toThrow(/fw_error 0x1b/);
  });

  test('what old kernels leave there without EIO is not', async () => {
    const { guest } = kernel({ errno: 14, exitinfo2: 0xdeadn });
    await expect(guest.derivedKey(KEY_REQUEST)).rejects.toThrow(/errno 14, fw_error 0x0/);
  });

  test.each([
    [25, 'attester.hardware', /forgot the key/],
    [1, 'attester.unavailable', /run as root/],
    [13, 'attester.unavailable', /run as root/],
  ] as const)('errno %i', async (errno, code, message) => {
    const { guest } = kernel({ errno });
    await expect(guest.derivedKey(KEY_REQUEST)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  promise('P2', 'requests go one after another, and one that fails fails alone', async () => {
    let under = 0;
    const turns: string[] = [];
    const native: Native = {
      address: () => 1n,
      ioctl: async () => {
        under++;
        expect(under).toBe(1);
        await Promise.resolve();
        under--;
        turns.push('call');
        return { result: -1, errno: 5 };
      },
      close: async () => {
        turns.push('close');
      },
    };
    const guest = sevGuestDevice(native, async () => undefined);
    const asked = [guest.derivedKey(KEY_REQUEST), guest.extendedReport(REPORT_DATA, 0), guest.close()];
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    expect(turns).toEqual(['call', 'call', 'close']);
  });
});
