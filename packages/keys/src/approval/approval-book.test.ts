import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { APPROVAL_LIFETIME_MS, type ApprovalBook, createApprovalBook } from './approval-book.ts';
import type { ApprovalSubject } from './approval-document.ts';

const SUBJECT: ApprovalSubject = {
  key: 'treasury',
  keyVersion: 1,
  publicKey: 'ab'.repeat(32),
  action: 'solana.message',
  bytes: Uint8Array.of(1, 2, 3),
  manifest: 'cd'.repeat(48),
};

interface Clocked {
  readonly book: ApprovalBook;
  /** Milliseconds; moves the monotonic clock alone. */
  advance(by: number): void;
  /** Sets the wall clock alone. */
  set(to: number): void;
}

function clocked(limit = 10, limitEach = limit): Clocked {
  let monotonic = 5_000;
  let wall = 1_800_000_000_000;
  let calls = 0;
  const book = createApprovalBook({
    now: () => new Date(wall),
    monotonic: () => monotonic,
    randomBytes: (length) => createHash('sha256').update(String(calls++)).digest().subarray(0, length),
    limit,
    limitEach,
  });
  return {
    book,
    advance: (by) => {
      monotonic += by;
    },
    set: (to) => {
      wall = to;
    },
  };
}

const other = (last: number): ApprovalSubject => ({ ...SUBJECT, bytes: Uint8Array.of(1, 2, last) });

promise('P4', 'a document is good once', () => {
  const { book } = clocked();
  const document = book.issue(SUBJECT, 'ada');
  expect(JSON.parse(document)).toMatchObject({ key: 'treasury', expires: 1_800_000_600 });
  expect(book.check(document, SUBJECT)).toBeUndefined();
  expect(book.check(document, SUBJECT)).toBeUndefined();
  expect(book.consume(document)).toBe(true);
  // Whatever came of the signing: nothing gives it back.
  expect(book.consume(document)).toBe(false);
  expect(book.check(document, SUBJECT)).toMatch(/used before/);
});

promise('P4', 'a document is good for its subject alone', () => {
  const { book } = clocked();
  const document = book.issue(SUBJECT, 'ada');
  const { publicKey: _, ...symmetric } = SUBJECT;
  for (const changed of [
    { ...SUBJECT, key: 'petty' },
    { ...SUBJECT, keyVersion: 2 },
    { ...SUBJECT, publicKey: 'ac'.repeat(32) },
    { ...SUBJECT, action: 'sign' as const },
    { ...SUBJECT, bytes: Uint8Array.of(1, 2, 4) },
    { ...SUBJECT, bytes: Uint8Array.of(1, 2, 3, 0) },
    { ...SUBJECT, manifest: 'ce'.repeat(48) },
    symmetric,
  ]) {
    expect(book.check(document, changed)).toMatch(/another request/);
  }
  expect(book.check(document, SUBJECT)).toBeUndefined();
});

promise('P4', 'a document that the service did not make is unknown', () => {
  const { book } = clocked();
  const document = book.issue(SUBJECT, 'ada');
  for (const forged of [
    '',
    '{}',
    `${document} `,
    document.replace('1800000600', '1800009600'),
    clocked().book.issue(other(9), 'ada'),
  ]) {
    expect(book.check(forged, SUBJECT)).toMatch(/unknown/);
    expect(book.consume(forged)).toBe(false);
  }
  expect(book.consume(document)).toBe(true);
});

promise('P4', 'a document ends by a clock that nobody sets', () => {
  const { book, advance, set } = clocked();
  const document = book.issue(SUBJECT, 'ada');
  advance(APPROVAL_LIFETIME_MS - 1);
  set(0);
  expect(book.check(document, SUBJECT)).toBeUndefined();
  advance(1);
  expect(book.check(document, SUBJECT)).toMatch(/expired/);
  expect(book.consume(document)).toBe(false);
});

promise('P4', 'the same request gets the same document while it has most of its time', () => {
  const { book, advance } = clocked();
  const document = book.issue(SUBJECT, 'ada');
  advance(APPROVAL_LIFETIME_MS / 2 - 1);
  expect(book.issue(SUBJECT, 'ada')).toBe(document);
  expect(book.issue(other(4), 'ada')).not.toBe(document);
  advance(1);
  const later = book.issue(SUBJECT, 'ada');
  expect(later).not.toBe(document);
  // Two are out: each is good once, for a request each.
  expect(book.consume(document)).toBe(true);
  expect(book.consume(later)).toBe(true);
});

promise('P4', 'after its use the same request gets another document', () => {
  const { book } = clocked();
  const document = book.issue(SUBJECT, 'ada');
  book.consume(document);
  expect(book.issue(SUBJECT, 'ada')).not.toBe(document);
});

promise('P4', 'only so many documents are out, and the ones that are out stay good', () => {
  const { book, advance } = clocked(3);
  const documents = [1, 2, 3].map((last) => book.issue(other(last), 'ada'));
  expect(() => book.issue(other(4), 'ada')).toThrow(expect.objectContaining({ code: 'approval.busy' }) as Error);
  expect(book.check(documents[0] ?? '', other(1))).toBeUndefined();
  expect(book.consume(documents[1] ?? '')).toBe(true);
  expect(() => book.issue(other(4), 'ada')).not.toThrow();
  advance(APPROVAL_LIFETIME_MS);
  for (const last of [5, 6, 7]) book.issue(other(last), 'ada');
});

promise('P4', 'whoever asks without end takes the room of nobody else', () => {
  const { book } = clocked(10, 2);
  const documents = [1, 2].map((last) => book.issue(other(last), 'eve'));
  expect(() => book.issue(other(3), 'eve')).toThrow(expect.objectContaining({ code: 'approval.busy' }) as Error);
  expect(book.issue(other(1), 'eve')).toBe(documents[0]);
  expect(() => book.issue(other(3), 'ada')).not.toThrow();
  expect(book.consume(documents[0] ?? '')).toBe(true);
  expect(() => book.issue(other(4), 'eve')).not.toThrow();
});

promise('P4', 'in any order of events no document is used twice', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('issue' as const), last: fc.nat(3) }),
    fc.record({ do: fc.constant('consume' as const), last: fc.nat(3) }),
    fc.record({ do: fc.constant('wait' as const), last: fc.nat(APPROVAL_LIFETIME_MS) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const { book, advance } = clocked(4);
      const issued: string[] = [];
      const used = new Set<string>();
      for (const { do: what, last } of steps) {
        if (what === 'wait') advance(last);
        else if (what === 'issue') {
          try {
            issued.push(book.issue(other(last), 'ada'));
          } catch {}
        } else {
          const document = issued[last % Math.max(issued.length, 1)];
          if (document === undefined || !book.consume(document)) continue;
          expect(used.has(document)).toBe(false);
          used.add(document);
        }
      }
    }),
    { numRuns: 200 },
  );
});
