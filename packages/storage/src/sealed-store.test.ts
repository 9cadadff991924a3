import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { openSealedStore, type SealedStore } from './sealed-store.ts';
import { allBytes, bytes, codeOf, freshOptions, withRawFile, withStore } from './testing/fresh-store.ts';

describe('a collection', () => {
  test('gives back what was put, with versions that rise by one', () => {
    withStore(freshOptions(), (store) => {
      const collection = store.collection('ada', 'letters');
      expect(collection.get('first')).toBeUndefined();
      expect([collection.put('first', bytes('a')), collection.put('first', bytes('b'))]).toEqual([1, 2]);
      expect(collection.get('first')).toEqual(bytes('b'));
      expect(collection.delete('first')).toBe(true);
      expect(collection.delete('first')).toBe(false);
      expect(collection.get('first')).toBeUndefined();
      expect(collection.put('first', bytes('c'))).toBe(1);
    });
  });

  test('is separate from others of its tenant and of other tenants', () => {
    withStore(freshOptions(), (store) => {
      store.collection('ada', 'letters').put('x', bytes('1'));
      store.collection('ada', 'notes').put('x', bytes('2'));
      store.collection('bob', 'letters').put('x', bytes('3'));
      expect(store.collection('ada', 'letters').get('x')).toEqual(bytes('1'));
      expect(store.collection('bob', 'letters').list()).toEqual(['x']);
      expect(store.collection('bob', 'notes').list()).toEqual([]);
      expect(store.usage('ada')).toEqual({ records: 2, bytes: 512 });
      expect(store.usage('eve')).toEqual({ records: 0, bytes: 0 });
    });
  });

  test('has no two names for one record, and no name that leads elsewhere', () => {
    const names = [
      '../a',
      '..%2fa',
      '%2e%2e/a',
      'a',
      'а',
      'A',
      'é',
      'é',
      'a ',
      '/',
      '.',
      'C:\\a',
      "'; DROP TABLE records; --",
    ];
    const options = freshOptions();
    withStore(options, (store) => {
      for (const name of names) store.collection(name, name).put(name, bytes(name));
    });
    withStore(options, (store) => {
      for (const name of names) {
        expect(store.collection(name, name).list()).toEqual([name]);
        expect(store.collection(name, name).get(name)).toEqual(bytes(name));
      }
      store.collection('all', 'c').put('x', bytes(''));
      expect(store.collection('all', 'c').get('x')).toEqual(bytes(''));
    });
  });

  test.each([
    ['NUL', 'a\0b'],
    ['a control character', 'a\u0085'],
    ['a lone surrogate', 'a\ud800'],
    ['nothing', ''],
    ['more than 1,024 bytes', 'x'.repeat(1025)],
  ])('refuses a name with %s', (_, name) => {
    withStore(freshOptions(), (store) => {
      expect(codeOf(() => store.collection('t', 'c').put(name, bytes('')))).toBe('storage.name');
      expect(codeOf(() => store.collection('t', 'c').get(name))).toBe('storage.name');
      expect(codeOf(() => store.collection(name, 'c'))).toBe('storage.name');
      expect(codeOf(() => store.commit([{ tenant: 't', collection: name, id: 'x', value: bytes('') }]))).toBe(
        'storage.name',
      );
      expect(store.head().sequence).toBe(0);
    });
  });
});

describe('a commit', () => {
  test('makes all of its changes, in order, or none', () => {
    const options = freshOptions();
    withStore(options, (store) => {
      const change = (id: string, value: string | undefined) => ({
        tenant: 't',
        collection: 'c',
        id,
        value: value === undefined ? undefined : bytes(value),
      });
      store.commit([
        change('a', '1'),
        change('a', '2'),
        change('b', '1'),
        change('b', undefined),
        change('c', undefined),
      ]);
      const collection = store.collection('t', 'c');
      expect(collection.list()).toEqual(['a']);
      expect(collection.get('a')).toEqual(bytes('2'));
      const before = store.head();
      expect(codeOf(() => store.commit([change('a', '3'), change('\0', '1')]))).toBe('storage.name');
      expect(
        codeOf(() => store.commit([change('a', '3'), { ...change('b', ''), value: new Uint8Array((16 << 20) + 1) }])),
      ).toBe('storage.value');
      expect(store.head()).toEqual(before);
      expect(collection.put('a', bytes('3'))).toBe(3);
    });
    withStore(options, (store) => expect(store.collection('t', 'c').get('a')).toEqual(bytes('3')));
  });

  test('raises the sequence by one and changes the digest; one that changes nothing does neither', () => {
    withStore(freshOptions(), (store) => {
      const heads = [store.head(), store.commit([{ tenant: 't', collection: 'c', id: 'a', value: bytes('') }])];
      heads.push(store.commit([{ tenant: 't', collection: 'c', id: 'a', value: bytes('') }]));
      expect(heads.map(({ sequence }) => sequence)).toEqual([0, 1, 2]);
      expect(new Set(heads.map(({ digest }) => digest)).size).toBe(3);
      expect(store.commit([])).toEqual(heads[2]);
      expect(store.commit([{ tenant: 't', collection: 'c', id: 'none', value: undefined }])).toEqual(heads[2]);
    });
  });
});

describe('opening', () => {
  promise('P1', 'a missing store is never taken for a first boot', () => {
    const options = freshOptions({ create: false });
    expect(codeOf(() => openSealedStore(options))).toBe('storage.missing');
    expect(codeOf(() => openSealedStore({ ...options, file: `${options.file}/deeper/store.db` }))).toBe(
      'storage.missing',
    );
    withStore({ ...options, create: true }, () => undefined);
    withStore(options, (store) => expect(store.head().sequence).toBe(0));
  });

  promise('P1', 'a store opens under its own key and its own name alone', () => {
    const options = freshOptions();
    withStore(options, (store) => store.collection('t', 'c').put('a', bytes('1')));
    for (const create of [true, false]) {
      expect(codeOf(() => openSealedStore({ ...options, create, key: new Uint8Array(32) }))).toBe('storage.damaged');
      expect(codeOf(() => openSealedStore({ ...options, create, name: 'another' }))).toBe('storage.damaged');
    }
    withStore(options, (store) => expect(store.collection('t', 'c').get('a')).toEqual(bytes('1')));
  });

  test('a store has one writer, in one process as in two', () => {
    const options = freshOptions();
    withStore(options, (store) => {
      expect(codeOf(() => openSealedStore(options))).toBe('storage.locked');
      expect(codeOf(() => withRawFile(options.file, (raw) => raw.prepare('SELECT * FROM head').all()))).toBe(
        'ERR_SQLITE_ERROR',
      );
      store.collection('t', 'c').put('a', bytes('1'));
    });
    withStore(options, (store) => expect(store.collection('t', 'c').list()).toEqual(['a']));
  });

  test('records of earlier epochs are read, and a store of a later epoch is refused', () => {
    const options = freshOptions({ epoch: 3 });
    withStore(options, (store) => store.collection('t', 'c').put('a', bytes('1')));
    withStore({ ...options, epoch: 4 }, (store) => {
      expect(store.collection('t', 'c').get('a')).toEqual(bytes('1'));
      store.collection('t', 'c').put('b', bytes('2'));
    });
    expect(codeOf(() => openSealedStore(options))).toBe('storage.rolled-back');
    withStore({ ...options, epoch: 5 }, (store) => expect(store.collection('t', 'c').list()).toEqual(['a', 'b']));
  });

  test.each([
    ['a short key', { key: new Uint8Array(31) }],
    ['a negative epoch', { epoch: -1 }],
    ['an epoch that is no integer', { epoch: 0.5 }],
  ])('%s is refused', (_, changes) => {
    expect(codeOf(() => openSealedStore(freshOptions(changes)))).toBe('storage.options');
  });

  test('a closed store answers nothing, and closing twice does nothing', () => {
    const store = openSealedStore(freshOptions());
    const collection = store.collection('t', 'c');
    store.close();
    store.close();
    const uses: ((closed: SealedStore) => unknown)[] = [
      () => collection.get('a'),
      () => collection.put('a', bytes('')),
      () => collection.delete('a'),
      () => collection.list(),
      () => collection.sizeOf('a'),
      (closed) => closed.head(),
      (closed) => closed.usage('t'),
      (closed) => closed.commit([]),
      (closed) => closed.collection('t', 'c'),
    ];
    for (const use of uses) expect(codeOf(() => use(store))).toBe('storage.closed');
  });
});

promise('P1', 'no file of a store holds a name or a content, while it is open or afterwards', () => {
  const options = freshOptions({ name: 'CANARY-STORE' });
  const secrets = ['CANARY-STORE', 'CANARY-TENANT', 'CANARY-COLLECTION', 'CANARY-RECORD', 'CANARY-CONTENT'];
  const check = (): void => {
    const file = allBytes(dirname(options.file));
    for (const secret of secrets) {
      const text = Buffer.from(secret);
      for (const form of [
        text,
        Buffer.from(secret, 'utf16le'),
        text.toString('base64').slice(0, -4),
        text.toString('hex'),
      ]) {
        expect(file.includes(form)).toBe(false);
      }
    }
    expect(file.includes(Buffer.from(options.key))).toBe(false);
  };
  withStore(options, (store) => {
    const collection = store.collection('CANARY-TENANT', 'CANARY-COLLECTION');
    for (let count = 0; count < 50; count++)
      collection.put(`CANARY-RECORD ${count}`, bytes('CANARY-CONTENT '.repeat(count)));
    for (let count = 0; count < 50; count += 2) collection.delete(`CANARY-RECORD ${count}`);
    check();
  });
  check();
});

promise('P1', 'sizes in the file are those of buckets', () => {
  const options = freshOptions();
  withStore(options, (store) => {
    for (let length = 0; length < 700; length += 23)
      store.collection('t', 'c').put(`r${'x'.repeat(length % 100)}`, new Uint8Array(length));
  });
  const sizes = withRawFile(options.file, (raw) =>
    raw.prepare('SELECT DISTINCT length(body) AS body, length(label) AS label FROM records ORDER BY body').all(),
  );
  expect(sizes.map((row) => row['body'])).toEqual([256, 512, 1024]);
  expect(new Set(sizes.map((row) => row['label']))).toEqual(new Set([296]));
});

describe('together', () => {
  test('several changes are one commit, which what follows in it can see', () => {
    const options = freshOptions();
    const before = withStore(options, (store) => store.head());
    const after = withStore(options, (store) => {
      const collection = store.collection('t', 'c');
      const versions = store.together(() => {
        const first = collection.put('a', bytes('1'));
        store.commit([{ tenant: 't', collection: 'c', id: 'b', value: bytes('2') }]);
        expect(collection.get('a')).toEqual(bytes('1'));
        expect(collection.list()).toEqual(['a', 'b']);
        expect(store.usage('t').records).toBe(2);
        collection.delete('b');
        return [first, store.together(() => collection.put('a', bytes('3')))];
      });
      expect(versions).toEqual([1, 2]);
      return store.head();
    });
    expect(after.sequence).toBe(before.sequence + 1);
    withStore(options, (store) => {
      expect(store.head()).toEqual(after);
      expect(store.previousHead()).toEqual(before);
      expect(store.collection('t', 'c').list()).toEqual(['a']);
      expect(store.collection('t', 'c').get('a')).toEqual(bytes('3'));
    });
  });

  test('where it throws, nothing has changed, and the next commit is whole', () => {
    const options = freshOptions();
    withStore(options, (store) => {
      const collection = store.collection('t', 'c');
      collection.put('kept', bytes('1'));
      const [head, usage] = [store.head(), store.usage('t')];
      const failing = (): void =>
        store.together(() => {
          collection.put('new', bytes('2'));
          collection.put('kept', bytes('2'));
          collection.delete('kept');
          throw new RangeError('enough');
        });
      expect(failing).toThrow(RangeError);
      expect([store.head(), store.usage('t')]).toEqual([head, usage]);
      expect(collection.list()).toEqual(['kept']);
      expect(collection.get('kept')).toEqual(bytes('1'));
      expect(collection.put('kept', bytes('3'))).toBe(2);
    });
    withStore(options, (store) => expect(store.collection('t', 'c').get('kept')).toEqual(bytes('3')));
  });

  test('a change that cannot be made leaves the others, and nothing to change is no commit', () => {
    withStore(freshOptions(), (store) => {
      const collection = store.collection('t', 'c');
      const { sequence } = store.head();
      store.together(() => expect(collection.delete('never there')).toBe(false));
      expect(store.head().sequence).toBe(sequence);
      store.together(() => {
        expect(codeOf(() => collection.put('', bytes('1')))).toBe('storage.name');
        collection.put('a', bytes('1'));
      });
      expect(collection.list()).toEqual(['a']);
      expect(store.head().sequence).toBe(sequence + 1);
    });
  });
});

test('any sequence of changes leaves what a map would hold, over reopening', () => {
  const id = fc.constantFrom('a', 'b', 'c', '../a', 'é');
  const tenant = fc.constantFrom('t', 'u');
  const value = fc.uint8Array({ maxLength: 600 });
  const step = fc.oneof(
    fc.record({ kind: fc.constant('put' as const), tenant, id, value }),
    fc.record({ kind: fc.constant('delete' as const), tenant, id }),
    fc.record({ kind: fc.constant('get' as const), tenant, id }),
    fc.record({ kind: fc.constant('list' as const), tenant }),
    fc.record({ kind: fc.constant('reopen' as const) }),
    fc.record({
      kind: fc.constant('together' as const),
      fails: fc.boolean(),
      changes: fc.array(fc.record({ tenant, id, value }), { maxLength: 5 }),
    }),
    fc.record({
      kind: fc.constant('commit' as const),
      changes: fc.array(fc.record({ tenant, id, value: fc.option(value, { nil: undefined }) }), { maxLength: 5 }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const options = freshOptions();
      let store = openSealedStore(options);
      const model = new Map<string, { readonly value: Uint8Array; readonly version: number }>();
      const apply = (key: string, next: Uint8Array | undefined): void => {
        if (next === undefined) model.delete(key);
        else model.set(key, { value: next, version: (model.get(key)?.version ?? 0) + 1 });
      };
      try {
        for (const one of steps) {
          if (one.kind === 'reopen') {
            const before = [store.head(), store.previousHead()];
            store.close();
            store = openSealedStore({ ...options, create: false });
            expect([store.head(), store.previousHead()]).toEqual(before);
          } else if (one.kind === 'commit') {
            store.commit(one.changes.map((change) => ({ ...change, collection: 'c' })));
            for (const change of one.changes) apply(`${change.tenant} ${change.id}`, change.value);
          } else if (one.kind === 'together') {
            const { sequence } = store.head();
            const work = (): void => {
              for (const { tenant, id, value } of one.changes) store.collection(tenant, 'c').put(id, value);
              if (one.fails) throw new RangeError('enough');
            };
            if (one.fails) expect(() => store.together(work)).toThrow(RangeError);
            else store.together(work);
            expect(store.head().sequence).toBe(sequence + (one.fails || one.changes.length === 0 ? 0 : 1));
            if (!one.fails) for (const change of one.changes) apply(`${change.tenant} ${change.id}`, change.value);
          } else if (one.kind === 'list') {
            const names = [...model.keys()].filter((key) => key.startsWith(one.tenant)).map((key) => key.slice(2));
            expect(store.collection(one.tenant, 'c').list()).toEqual(names.sort());
            expect(store.usage(one.tenant).records).toBe(names.length);
          } else {
            const key = `${one.tenant} ${one.id}`;
            const collection = store.collection(one.tenant, 'c');
            if (one.kind === 'get') expect(collection.get(one.id)).toEqual(model.get(key)?.value);
            else if (one.kind === 'delete') {
              expect(collection.delete(one.id)).toBe(model.has(key));
              apply(key, undefined);
            } else {
              apply(key, one.value);
              expect(collection.put(one.id, one.value)).toBe(model.get(key)?.version);
            }
          }
        }
      } finally {
        store.close();
      }
    }),
    { numRuns: 40 },
  );
});
