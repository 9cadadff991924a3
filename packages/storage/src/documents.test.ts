import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { createDocuments, DEFAULT_DOCUMENT_LIMITS, type DocumentLimits, type DocumentStore } from './documents.ts';
import { bytes, codeOf, freshOptions, withStore } from './testing/fresh-store.ts';

function withDocuments<T>(work: (documents: DocumentStore) => T, limits: Partial<DocumentLimits> = {}): T {
  return withStore(freshOptions(), (store) =>
    work(createDocuments(store, 'ada', { ...DEFAULT_DOCUMENT_LIMITS, ...limits })),
  );
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { value };
  return value;
}

describe('documents', () => {
  test('any JSON value is given back as it was put', () => {
    withDocuments((documents) => {
      fc.assert(
        fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
          fc.pre(isExact(value));
          documents.put('c', 'x', value);
          expect(JSON.parse(JSON.stringify(documents.get('c', 'x')))).toEqual(JSON.parse(JSON.stringify(value)));
        }),
      );
    });
  });

  test('absence is told from null, and versions rise', () => {
    withDocuments((documents) => {
      expect(documents.get('c', 'x')).toBeUndefined();
      expect([documents.put('c', 'x', null), documents.put('c', 'x', { b: 1, a: [] })]).toEqual([1, 2]);
      expect(JSON.stringify(documents.get('c', 'x'))).toBe('{"a":[],"b":1}');
      documents.put('c', 'y', null);
      expect(documents.get('c', 'y')).toBeNull();
      expect(documents.list('c')).toEqual(['x', 'y']);
      expect([documents.delete('c', 'x'), documents.delete('c', 'x')]).toEqual([true, false]);
      expect(documents.list('c')).toEqual(['y']);
    });
  });

  test('a key __proto__ is a key like any other', () => {
    withDocuments((documents) => {
      documents.put('c', 'x', JSON.parse('{"__proto__":{"polluted":true}}'));
      expect(JSON.stringify(documents.get('c', 'x'))).toBe('{"__proto__":{"polluted":true}}');
      expect(Object.hasOwn({}, 'polluted')).toBe(false);
    });
  });

  promise('P1', "a tenant does not see another's documents, nor what else is in the store", () => {
    withStore(freshOptions(), (store) => {
      const [ada, bob] = ['ada', 'bob'].map((tenant) => createDocuments(store, tenant, DEFAULT_DOCUMENT_LIMITS));
      store.collection('ada', 'c').put('x', bytes('"spend state"'));
      expect(ada?.get('c', 'x')).toBeUndefined();
      ada?.put('c', 'x', 'of ada');
      expect(bob?.get('c', 'x')).toBeUndefined();
      expect(bob?.list('c')).toEqual([]);
      expect(store.collection('ada', 'c').get('x')).toEqual(bytes('"spend state"'));
    });
  });

  const cyclic: unknown[] = [];
  cyclic.push(cyclic);
  test.each<readonly [string, unknown]>([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a big integer', 1n],
    ['NaN', Number.NaN],
    ['an infinite number', [Number.POSITIVE_INFINITY]],
    ['an integer that a double does not hold exactly', 2 ** 53],
    ['an undefined member', { member: undefined }],
    ['a hole', new Array(2)],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['bytes', new Uint8Array(2)],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate as key', { '\udfff': 1 }],
    ['nesting that is too deep', nested(33)],
    ['a cycle', cyclic],
  ])('%s is refused', (_, value) => {
    withDocuments((documents) => {
      expect(codeOf(() => documents.put('c', 'x', value))).toBe('storage.document');
      expect(documents.get('c', 'x')).toBeUndefined();
    });
  });

  test('nesting up to the limit is taken', () => {
    withDocuments((documents) => {
      expect(documents.put('c', 'x', nested(32))).toBe(1);
      expect(documents.get('c', 'x')).toBeDefined();
    });
  });

  const hostile = [
    '../../etc/passwd',
    '%2e%2e%2f',
    '..\\..',
    '\u202egpj.exe',
    'a​b',
    'раypal',
    'paypal',
    '字'.repeat(85),
  ];
  test.each([...hostile, 'x'.repeat(128), '🎼'.repeat(63)])('%s is a name', (name) => {
    withDocuments((documents) => {
      expect(documents.put(name, name, 1)).toBe(1);
      expect(documents.list(name)).toEqual([name]);
    });
  });

  test.each([
    ['empty', ''],
    ['with NUL', 'a\0'],
    ['with a line feed', 'a\nb'],
    ['with a C1 control character', 'a\u009b'],
    ['with a lone surrogate', '\udc00'],
    ['of 129 characters', 'x'.repeat(129)],
    ['of 256 bytes', '🎼'.repeat(64)],
  ])('a name %s is refused everywhere', (_, name) => {
    withDocuments((documents) => {
      for (const [collection, id] of [
        [name, 'x'],
        ['c', name],
      ] as const) {
        expect(codeOf(() => documents.put(collection, id, 1))).toBe('storage.name');
        expect(codeOf(() => documents.get(collection, id))).toBe('storage.name');
        expect(codeOf(() => documents.delete(collection, id))).toBe('storage.name');
      }
      expect(codeOf(() => documents.list(name))).toBe('storage.name');
    });
  });
});

describe('the quota', () => {
  test('bounds one document in its canonical form', () => {
    withDocuments((documents) => {
      expect(documents.put('c', 'x', 'x'.repeat(256 * 1024 - 2))).toBe(1);
      expect(codeOf(() => documents.put('c', 'x', 'x'.repeat(256 * 1024 - 1)))).toBe('storage.quota');
      expect(documents.get('c', 'x')).toHaveLength(256 * 1024 - 2);
    });
  });

  test('bounds the number of documents over all collections', () => {
    withDocuments(
      (documents) => {
        documents.put('c', 'x', 1);
        documents.put('d', 'x', 1);
        expect(codeOf(() => documents.put('e', 'x', 1))).toBe('storage.quota');
        expect(documents.put('d', 'x', 2)).toBe(2);
        documents.delete('c', 'x');
        expect(documents.put('e', 'x', 1)).toBe(1);
      },
      { documents: 2 },
    );
  });

  test('bounds all bytes, padded, and never keeps a document from shrinking', () => {
    const options = freshOptions();
    const limits = { ...DEFAULT_DOCUMENT_LIMITS, bytes: 1024 };
    withStore(options, (store) => {
      const documents = createDocuments(store, 'ada', limits);
      documents.put('c', 'x', 'x'.repeat(400));
      documents.put('c', 'y', 1);
      expect(codeOf(() => documents.put('c', 'z', 'x'.repeat(400)))).toBe('storage.quota');
      expect(codeOf(() => documents.put('c', 'y', 'x'.repeat(600)))).toBe('storage.quota');
      expect(createDocuments(store, 'bob', limits).put('c', 'z', 'x'.repeat(400))).toBe(1);
    });
    withStore(options, (store) => {
      const documents = createDocuments(store, 'ada', { ...limits, bytes: 256 });
      expect(codeOf(() => documents.put('c', 'z', 1))).toBe('storage.quota');
      expect(documents.put('c', 'x', 1)).toBe(2);
      expect(documents.delete('c', 'y')).toBe(true);
      expect(store.usage('documents/ada')).toEqual({ records: 1, bytes: 256 });
    });
  });
});

/** Whether all integers of a value are ones that strict JSON takes. */
function isExact(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value === 'string') return value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, member]) => key.isWellFormed() && isExact(member));
}
