import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusedRequestError } from '../intent.ts';
import { decodeSolanaMessage, type SolanaMessage } from './decode-message.ts';
import { memo, message, person, systemTransfer, tokenTransfer, unitLimit, unitPrice } from './testing/messages.ts';
import { readWithKit } from './testing/second-reader.ts';

/** What was read, or nothing where it was refused; any other error is a defect. */
function read(bytes: Uint8Array): SolanaMessage | undefined {
  try {
    return decodeSolanaMessage(bytes);
  } catch (error) {
    if (error instanceof RefusedRequestError) return undefined;
    throw error;
  }
}

/** Ours equals what kit reads of the same bytes. */
function compare(bytes: Uint8Array, ours: SolanaMessage): void {
  const theirs = readWithKit(bytes);
  expect(theirs.bytes).toEqual(bytes);
  expect(ours.intent.bytes).toEqual(bytes);
  expect({ ...theirs, bytes: undefined }).toEqual({
    feePayer: ours.feePayer,
    signers: ours.intent.signers,
    effects: ours.intent.effects,
    fee: ours.intent.fee,
    memos: ours.memos,
    bytes: undefined,
  });
}

const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const transfers = fc.oneof(
  fc
    .tuple(fc.constantFrom(1, 10, 11), fc.constantFrom(2, 12, 13), u64)
    .map(([from, to, amount]) => systemTransfer(person(from), person(to), amount)),
  fc
    .tuple(u64, fc.nat(255), fc.constantFrom(1, 10))
    .map(([amount, decimals, owner]) => tokenTransfer(amount, decimals, person(owner))),
  fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => memo(new TextEncoder().encode(text))),
);
const messages = fc
  .tuple(
    fc.option(fc.bigInt({ min: 0n, max: 2n ** 32n - 1n })),
    fc.option(u64),
    fc.array(transfers, { maxLength: 4 }),
    fc.tuple(fc.constantFrom(1, 10), u64),
    fc.constantFrom('legacy' as const, 0 as const),
  )
  .map(([limit, price, others, [from, amount], version]) =>
    message(
      [
        ...(limit === null ? [] : [unitLimit(limit)]),
        ...(price === null ? [] : [unitPrice(price)]),
        systemTransfer(person(from), person(2), amount),
        ...others,
      ],
      version,
    ),
  );
const changes = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('bit' as const), at: fc.nat(1300), bit: fc.nat(7) }),
    fc.record({ kind: fc.constant('byte' as const), at: fc.nat(1300), value: fc.nat(255) }),
    fc.record({ kind: fc.constant('cut' as const), at: fc.nat(1300) }),
    fc.record({ kind: fc.constant('add' as const), at: fc.nat(1300), value: fc.nat(255) }),
    fc.record({ kind: fc.constant('swap' as const), at: fc.nat(1300), other: fc.nat(1300) }),
  ),
  { minLength: 1, maxLength: 3 },
);

type Change = typeof changes extends fc.Arbitrary<readonly (infer One)[]> ? One : never;

function changed(bytes: Uint8Array, change: Change): Uint8Array {
  const at = change.at % Math.max(bytes.length, 1);
  const copy = Uint8Array.from(bytes);
  const here = copy[at] ?? 0;
  switch (change.kind) {
    case 'bit':
      copy[at] = here ^ (1 << change.bit);
      return copy;
    case 'byte':
      copy[at] = change.value;
      return copy;
    case 'cut':
      return Uint8Array.from([...copy.slice(0, at), ...copy.slice(at + 1)]);
    case 'add':
      return Uint8Array.from([...copy.slice(0, at), change.value, ...copy.slice(at)]);
    case 'swap': {
      const other = change.other % Math.max(bytes.length, 1);
      copy[at] = copy[other] ?? 0;
      copy[other] = here;
      return copy;
    }
  }
}

promise('P4', 'a message of transfers that kit builds is read as kit reads it', () => {
  fc.assert(
    fc.property(messages, (bytes) => {
      const ours = read(bytes);
      expect(ours).toBeDefined();
      if (ours !== undefined) compare(bytes, ours);
    }),
    { numRuns: 400 },
  );
});

promise('P4', 'a changed message that is accepted is read as kit reads it', () => {
  let accepted = 0;
  fc.assert(
    fc.property(messages, changes, (bytes, list) => {
      const other = list.reduce(changed, bytes);
      const ours = read(other);
      if (ours === undefined) return;
      accepted++;
      compare(other, ours);
    }),
    { numRuns: 1_000 },
  );
  expect(accepted).toBeGreaterThan(50);
});

promise('P4', 'each single changed bit of a message is refused or read as kit reads it', () => {
  const bytes = message([
    unitLimit(1_000n),
    unitPrice(1n),
    systemTransfer(person(1), person(2), 5n),
    tokenTransfer(9n),
  ]);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const other = changed(bytes, { kind: 'bit', at: bit >> 3, bit: bit & 7 });
    const ours = read(other);
    if (ours !== undefined) compare(other, ours);
  }
});

promise('P4', 'any bytes give a message or a refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1300 }), (bytes) => {
      const ours = read(bytes);
      if (ours !== undefined) compare(bytes, ours);
    }),
    { numRuns: 1_000 },
  );
});
