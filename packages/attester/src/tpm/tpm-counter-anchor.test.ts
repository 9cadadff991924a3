/** An anchor in a real TPM in software: what it remembers, and who is noticed. */
import { generateKeyPairSync, sign } from 'node:crypto';
import { concatBytes, toHex } from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { AnchorAccess, AnchoredHead, FreshnessAnchor } from '../freshness-anchor.ts';
import {
  COUNTER,
  counterIndexOf,
  defineIndex,
  findIndex,
  type NvIndex,
  RECORD,
  readRecord,
  writeRecord,
} from './counter-index.ts';
import { type CounterStart, firstRecord, headAt, parseRecord, RECORD_BYTES, signedSlot } from './counter-record.ts';
import { flushedAfter } from './flush.ts';
import { openTpm } from './open-tpm.ts';
import { withStorageKey } from './primary-keys.ts';
import { emptyPassword, plainHandle, runCommand } from './run-command.ts';
import { startSession, type TpmSession } from './session.ts';
import { TpmRh } from './structures.ts';
import { Code, codeOf, flipping, onTheBus } from './testing/bus.ts';
import { useTestTpm } from './testing/fresh-tpm.ts';
import { startSwtpm } from './testing/swtpm.ts';
import { tpmCounterAnchor } from './tpm-counter-anchor.ts';
import type { TpmTransport } from './transport.ts';

const tpm = useTestTpm();

function accessKey(): AnchorAccess {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)),
    sign: (message) => Uint8Array.from(sign(null, message, privateKey)),
  };
}
const ACCESS = accessKey();
let used = 0x20;
/** A store of its own for each test. */
const freshStore = (): string => `${(used++).toString(16).padStart(6, '0')}${'5a'.repeat(29)}`;
const head = (sequence: number, digit = 'd'): AnchoredHead => ({ sequence, digest: digit.repeat(64) });
/** Closed with its test: a TPM without a resource manager has room for three sessions. */
async function open(
  store: string,
  transport: TpmTransport = tpm.transport(),
  index?: number,
  access = ACCESS,
): Promise<FreshnessAnchor> {
  const anchor = await tpmCounterAnchor({ transport, store, access, ...(index === undefined ? {} : { index }) });
  onTestFinished(() => anchor.close());
  return anchor;
}
const conflict = expect.objectContaining({ code: 'anchor.conflict' });
const unavailable = expect.objectContaining({ code: 'anchor.unavailable' });
const indexOf = (store: string): number => counterIndexOf(Uint8Array.from(Buffer.from(store, 'hex')));

/** What whoever has the owner's password can do: TPM2_NV_UndefineSpace. */
async function undefine(index: number, transport: TpmTransport = tpm.transport()): Promise<void> {
  const name = new Uint8Array(0);
  await runCommand(
    transport,
    {
      what: 'TPM2_NV_UndefineSpace',
      code: 0x0122,
      handles: [plainHandle(TpmRh.owner), { value: index, name }],
      parameters: new Uint8Array(0),
    },
    emptyPassword,
  );
}

/** The record as anybody can read and write it who may send commands. */
function onRecord<T>(store: string, work: (session: TpmSession, record: NvIndex) => Promise<T>): Promise<T> {
  const transport = tpm.transport();
  return withStorageKey(transport, async (key) => {
    const session = await startSession(transport, key, 'hmac');
    const record =
      (await findIndex(transport, indexOf(store) + 1, RECORD)) ??
      (await defineIndex(transport, indexOf(store) + 1, RECORD));
    return flushedAfter(transport, session.handle, () => work(session, record));
  });
}
const recordOf = (store: string): Promise<Uint8Array> =>
  onRecord(store, (session, record) => readRecord(tpm.transport(), session, record));
const putRecord = (store: string, bytes: Uint8Array): Promise<void> =>
  onRecord(store, (session, record) => writeRecord(tpm.transport(), session, record, bytes, 0));

describe('an anchor in a TPM', () => {
  promise.unless(tpm.missing, 'P4', 'knows nothing at first, and defines nothing by being asked', async () => {
    const store = freshStore();
    const anchor = await open(store);
    expect(await anchor.read()).toBeUndefined();
    await defineIndex(tpm.transport(), indexOf(store), COUNTER);
    expect(await anchor.read()).toBeUndefined();
  });

  promise.unless(tpm.missing, 'P4', 'goes from head to head, and keeps the last over a loss of power', async () => {
    const store = freshStore();
    const anchor = await open(store);
    await anchor.advance(undefined, head(0, 'a'));
    expect(await anchor.read()).toEqual(head(0, 'a'));
    for (let at = 0; at < 5; at++) await anchor.advance(head(at, at === 0 ? 'a' : `${at}`), head(at + 1, `${at + 1}`));
    expect(await anchor.read()).toEqual(head(5, '5'));
    await anchor.close();
    await tpm.powerCycle();
    const again = await open(store);
    expect(await again.read()).toEqual(head(5, '5'));
    await again.advance(head(5, '5'), head(6, '6'));
    expect(await again.read()).toEqual(head(6, '6'));
  });

  promise.unless(tpm.missing, 'P4', 'begins at whatever head it is told first', async () => {
    const anchor = await open(freshStore());
    await anchor.advance(undefined, head(41));
    await anchor.advance(head(41), head(42));
    expect(await anchor.read()).toEqual(head(42));
  });

  promise.unless(tpm.missing, 'P4', 'two stores of one TPM have one each', async () => {
    const one = await open(freshStore());
    const other = await open(freshStore());
    await one.advance(undefined, head(0, 'a'));
    await other.advance(undefined, head(7, 'b'));
    await one.advance(head(0, 'a'), head(1, 'c'));
    expect(await one.read()).toEqual(head(1, 'c'));
    expect(await other.read()).toEqual(head(7, 'b'));
  });

  const refused: readonly [what: string, from: AnchoredHead | undefined, to: AnchoredHead][] = [
    ['an older head', head(2), head(3)],
    ['a newer head', head(4), head(5)],
    ['the same sequence with another digest', head(3, 'e'), head(4)],
    ['a first head where there is one', undefined, head(4)],
    ['two steps', head(3), head(5)],
    ['no step', head(3), head(3)],
    ['a step back', head(3), head(2)],
  ];
  for (const [what, from, to] of refused) {
    promise.unless(tpm.missing, 'P4', `does not move from or to ${what}`, async () => {
      const anchor = await open(freshStore());
      await anchor.advance(undefined, head(2));
      await anchor.advance(head(2), head(3));
      await expect(anchor.advance(from, to)).rejects.toEqual(conflict);
      expect(await anchor.read()).toEqual(head(3));
      await anchor.advance(head(3), head(4));
    });
  }

  promise.unless(tpm.missing, 'P4', 'a head is expected and there is none: not begun', async () => {
    await expect((await open(freshStore())).advance(head(3), head(4))).rejects.toEqual(conflict);
  });

  promise.unless(tpm.missing, 'P4', 'of two copies of a store that move at once, one does', async () => {
    const store = freshStore();
    const [one, other] = [await open(store), await open(store)];
    await one.advance(undefined, head(0));
    const moved = await Promise.allSettled([one.advance(head(0), head(1, '1')), other.advance(head(0), head(1, '2'))]);
    expect(moved.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await other.read()).toEqual(head(1, '1'));
  });

  promise.unless(tpm.missing, 'P4', 'is closed for good', async () => {
    const anchor = await open(freshStore());
    await anchor.read();
    await anchor.close();
    await anchor.close();
    await expect(anchor.read()).rejects.toEqual(unavailable);
    await expect(anchor.advance(undefined, head(0))).rejects.toEqual(unavailable);
  });

  test('says who can put it back, and that it remembers digests', async () => {
    const nobody: TpmTransport = { exchange: () => Promise.reject(new Error('asked')), close: async () => undefined };
    const anchor = await open(freshStore(), nobody);
    expect(anchor.remembersDigests).toBe(true);
    expect(anchor.description).toEqual({
      kind: 'tpm',
      rolledBackBy: [
        'whoever runs the virtual TPM',
        'whoever may write to the TPM, by one commit whose move was cut off',
      ],
    });
  });

  test.each(['', '5a', 'zz'.repeat(32), '5A'.repeat(32)])('%j is no store', async (store) => {
    await expect(open(store)).rejects.toThrow(RangeError);
  });

  test.each([0x0180_0001, 0x0150_0000, 0x01c0_0000])('%i is no index for a counter', async (index) => {
    await expect(open(freshStore(), never, index)).rejects.toThrow(RangeError);
  });
});

const never: TpmTransport = { exchange: () => Promise.reject(new Error('asked')), close: async () => undefined };

describe('a crash', () => {
  /** Lets everything through until the command comes, and then nothing. */
  const diesAt = (code: number, isDone: boolean, nth = 1): TpmTransport => {
    let left = nth;
    return onTheBus(tpm.transport(), async (command, send) => {
      if (codeOf(command) === code) left -= 1;
      if (left > 0) return send(command);
      if (left === 0 && codeOf(command) === code && isDone) await send(command);
      throw new Error('power');
    });
  };

  for (const [what, code, isDone, expected] of [
    ['before the digest is written', Code.nvWrite, false, head(0)],
    ['after the digest is written', Code.nvWrite, true, head(0)],
    ['before the counter moves', Code.increment, false, head(0)],
    ['after the counter moved, before anybody knows', Code.increment, true, head(1, 'e')],
  ] as const) {
    promise.unless(tpm.missing, 'P4', `${what} leaves one head or the other`, async () => {
      const store = freshStore();
      await (await open(store)).advance(undefined, head(0));
      await expect((await open(store, diesAt(code, isDone))).advance(head(0), head(1, 'e'))).rejects.toThrow('power');
      await tpm.powerCycle();
      const anchor = await open(store);
      expect(await anchor.read()).toEqual(expected);
      await anchor.advance(expected, head(expected.sequence + 1, 'f'));
      expect(await anchor.read()).toEqual(head(expected.sequence + 1, 'f'));
    });
  }

  for (const nth of [1, 2]) {
    for (const isDone of [false, true]) {
      promise.unless(tpm.missing, 'P4', `while it begins leaves none or all (${nth}, ${isDone})`, async () => {
        const store = freshStore();
        const dying = await open(store, diesAt(0x012a, isDone, nth));
        await expect(dying.advance(undefined, head(3))).rejects.toThrow('power');
        await tpm.powerCycle();
        const anchor = await open(store);
        expect(await anchor.read()).toBeUndefined();
        await anchor.advance(undefined, head(3));
        expect(await anchor.read()).toEqual(head(3));
      });
    }
  }

  promise.unless(tpm.missing, 'P4', 'a lost answer is told as not known, and can be asked for again', async () => {
    const store = freshStore();
    const anchor = await open(store);
    await anchor.advance(undefined, head(0));
    await anchor.close();
    const failing = flipping(tpm.transport(), Code.increment, 0);
    const unsure = await open(store, failing);
    await expect(unsure.advance(head(0), head(1))).rejects.toEqual(unavailable);
    expect(await unsure.read()).toEqual(head(1));
  });
});

describe('somebody with access to the TPM', () => {
  promise.unless(tpm.missing, 'P4', 'who changes what is read on the bus is noticed', async () => {
    const store = freshStore();
    await (await open(store)).advance(undefined, head(0));
    for (const fromEnd of [0, 40, 80]) {
      const anchor = await open(store, flipping(tpm.transport(), Code.nvRead, fromEnd));
      await expect(anchor.read()).rejects.toEqual(unavailable);
      await anchor.close();
    }
  });

  promise.unless(tpm.missing, 'P4', 'who removes the counter is noticed', async () => {
    const store = freshStore();
    const anchor = await open(store);
    await anchor.advance(undefined, head(0));
    await undefine(indexOf(store));
    await expect(anchor.read()).rejects.toEqual(conflict);
  });

  promise.unless(
    tpm.missing,
    'P4',
    'who puts another counter in its place is noticed, since it begins above',
    async () => {
      const store = freshStore();
      const anchor = await open(store);
      await anchor.advance(undefined, head(0));
      await anchor.advance(head(0), head(1));
      await undefine(indexOf(store));
      await defineIndex(tpm.transport(), indexOf(store), COUNTER);
      await expect(anchor.read()).rejects.toEqual(conflict);
      const other = await open(freshStore(), tpm.transport(), indexOf(store));
      // Begins the counter, which then has a value; the record of the other store is in the way.
      await expect(other.advance(undefined, head(0))).rejects.toEqual(conflict);
      await expect(anchor.read()).rejects.toEqual(conflict);
    },
  );

  promise.unless(tpm.missing, 'P4', 'who removes everything leaves an anchor that was never begun', async () => {
    const store = freshStore();
    const anchor = await open(store);
    await anchor.advance(undefined, head(0));
    await undefine(indexOf(store));
    await undefine(indexOf(store) + 1);
    expect(await anchor.read()).toBeUndefined();
    await expect(anchor.advance(head(0), head(1))).rejects.toEqual(conflict);
  });

  promise.unless(
    tpm.missing,
    'P4',
    'who writes a record of their own beside a counter of their own is noticed',
    async () => {
      const store = freshStore();
      const anchor = await open(store);
      await anchor.advance(undefined, head(0));
      await anchor.advance(head(0), head(1));
      const owner = await recordOf(store);
      await undefine(indexOf(store));
      await undefine(indexOf(store) + 1);
      // The same store, begun anew at the old head, with a key that is not that of the state.
      const theirs = await open(store, tpm.transport(), undefined, accessKey());
      await theirs.advance(undefined, head(0));
      expect(await theirs.read()).toEqual(head(0));
      await expect(anchor.read()).rejects.toEqual(conflict);
      // What the key of the state signed, beside a counter that began elsewhere.
      await putRecord(store, owner);
      await expect(anchor.read()).rejects.toEqual(conflict);
    },
  );

  promise.unless(tpm.missing, 'P4', 'who puts an older record back is noticed', async () => {
    const store = freshStore();
    const anchor = await open(store);
    await anchor.advance(undefined, head(0));
    const older = await recordOf(store);
    await anchor.advance(head(0), head(1));
    await anchor.advance(head(1), head(2));
    await putRecord(store, older);
    await expect(anchor.read()).rejects.toEqual(conflict);
  });

  promise.unless(tpm.missing, 'P4', 'who changes a byte of the record is noticed', async () => {
    const store = freshStore();
    const anchor = await open(store);
    await anchor.advance(undefined, head(0));
    const good = await recordOf(store);
    for (const place of [0, 8, 47, 55, 63, 64, 100, 104, 159]) {
      const changed = Uint8Array.from(good);
      changed[place] = (changed[place] ?? 0) ^ 1;
      if (place >= 56) changed.copyWithin(160, 56, 160);
      await putRecord(store, changed);
      await expect(anchor.read(), `byte ${place}`).rejects.toEqual(conflict);
    }
    await putRecord(store, good);
    expect(await anchor.read()).toEqual(head(0));
  });

  promise.unless(tpm.missing, 'P4', 'who counts is noticed', async () => {
    const store = freshStore();
    const anchor = await open(store);
    await anchor.advance(undefined, head(0));
    const handle = { value: indexOf(store), name: new Uint8Array(0) };
    await runCommand(
      tpm.transport(),
      { what: 'TPM2_NV_Increment', code: Code.increment, handles: [handle, handle], parameters: new Uint8Array(0) },
      emptyPassword,
    );
    await expect(anchor.read()).rejects.toEqual(conflict);
    await expect(anchor.advance(head(0), head(1))).rejects.toEqual(conflict);
  });

  for (const [what, place, kind] of [
    ['counter', 0, { ...COUNTER, attributes: COUNTER.attributes | (1 << 1) }],
    ['counter', 0, { ...RECORD, size: 8 }],
    ['record', 1, { ...RECORD, size: 64 }],
  ] as const) {
    promise.unless(
      tpm.missing,
      'P4',
      `a ${what} of another kind is named (${kind.attributes}, ${kind.size})`,
      async () => {
        const store = freshStore();
        await defineIndex(tpm.transport(), indexOf(store) + place, kind);
        const index = `0x0${(indexOf(store) + place).toString(16)}`;
        await expect((await open(store)).advance(undefined, head(0))).rejects.toMatchObject({
          code: 'anchor.conflict',
          message: expect.stringContaining(`NV index ${index} of the TPM belongs to something else`),
        });
      },
    );
  }

  promise.unless(tpm.missing, 'P4', 'the record of another store is named', async () => {
    const one = freshStore();
    await (await open(one)).advance(undefined, head(0));
    const other = await open(freshStore(), tpm.transport(), indexOf(one));
    await expect(other.read()).rejects.toMatchObject({
      code: 'anchor.conflict',
      message: expect.stringContaining('belongs to something else'),
    });
  });

  promise.unless(tpm.missing, 'P7', 'whoever runs the TPM can put it back, which is why they are named', async () => {
    const emulator = await startSwtpm();
    try {
      const store = freshStore();
      const before = await openTpm(emulator.path);
      await (await open(store, before)).advance(undefined, head(0));
      await before.close();
      const snapshot = await emulator.snapshot();
      const middle = await openTpm(emulator.path);
      await (await open(store, middle)).advance(head(0), head(1));
      await middle.close();
      await emulator.restore(snapshot);
      const after = await openTpm(emulator.path);
      const anchor = await open(store, after);
      expect(await anchor.read()).toEqual(head(0));
      expect(anchor.description.rolledBackBy).toContain('whoever runs the virtual TPM');
      await after.close();
    } finally {
      await emulator.stop();
    }
  });
});

describe('the record', () => {
  const start: CounterStart = { store: new Uint8Array(32).fill(5), counter: 9n, sequence: 2n };

  test('has these bytes', () => {
    const signing: AnchorAccess = { publicKey: new Uint8Array(32), sign: () => new Uint8Array(64).fill(7) };
    const slot = `0000000000000002${'e'.repeat(64)}${'07'.repeat(64)}`;
    const record = firstRecord(start, head(2, 'e'), signing);
    expect(toHex(record)).toBe(`76697472696e6531${'05'.repeat(32)}00000000000000090000000000000002${slot}${slot}`);
    expect(record).toHaveLength(RECORD_BYTES);
  });

  test('knows the heads that are in it, and no other, for its key and no other', () => {
    const record = parseRecord(firstRecord(start, head(2), ACCESS));
    if (record === undefined) throw new Error('not read');
    expect(headAt(record, 9n, ACCESS)).toEqual(head(2));
    expect(headAt(record, 9n, accessKey())).toBeUndefined();
    for (const counter of [0n, 8n, 10n, 2n ** 64n - 1n]) expect(headAt(record, counter, ACCESS)).toBeUndefined();
  });

  promise('P4', 'any bytes are a record, or none, and never a head', () => {
    const length = RECORD_BYTES - 8;
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: length, maxLength: length }),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (bytes, counter) => {
          const record = parseRecord(concatBytes(new TextEncoder().encode('vitrine1'), bytes));
          if (record === undefined) throw new Error('not read');
          expect(headAt(record, counter, ACCESS)).toBeUndefined();
        },
      ),
    );
    expect(parseRecord(new Uint8Array(RECORD_BYTES))).toBeUndefined();
  });

  test.each([head(-1), head(0.5), head(2 ** 53), { sequence: 0, digest: '' }, { sequence: 0, digest: 'D'.repeat(64) }])(
    '%j is no head',
    (wrong) => {
      expect(() => signedSlot(start, wrong, ACCESS)).toThrow(RangeError);
    },
  );
});
