import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import type { Head } from './head.ts';
import type { SealedStore } from './sealed-store.ts';
import type { SealedStoreOptions } from './store-options.ts';
import { bytes, codeOf, freshOptions, withRawFile, withStore } from './testing/fresh-store.ts';

const CONTENTS: readonly (readonly [tenant: string, id: string, value: string])[] = [
  ['ada', 'balance', 'one hundred'],
  ['ada', 'limit', 'two hundred'],
  ['bob', 'balance', 'three hundred'],
  ['bob', 'essay', 'words '.repeat(2000)],
];

function filled(changes: Partial<SealedStoreOptions> = {}): SealedStoreOptions {
  const options = freshOptions(changes);
  withStore(options, (store) => {
    for (const [tenant, id, value] of CONTENTS) store.collection(tenant, 'c').put(id, bytes(value));
  });
  return options;
}

function readAll(store: SealedStore): void {
  for (const tenant of ['ada', 'bob']) {
    const expected = CONTENTS.filter(([owner]) => owner === tenant);
    expect(store.collection(tenant, 'c').list()).toEqual(expected.map(([, id]) => id).sort());
    for (const [, id, value] of expected) expect(store.collection(tenant, 'c').get(id)).toEqual(bytes(value));
  }
}

/** How a store fares that is opened and read completely: the code that it is refused with, or `intact`. */
function fate(options: SealedStoreOptions): string {
  return codeOf(() => withStore({ ...options, create: false }, readAll)) ?? 'intact';
}

function edit(options: SealedStoreOptions, work: (raw: DatabaseSync) => unknown): void {
  withRawFile(options.file, work);
}

/** Rows 1 to 4 are those of CONTENTS, in their order. */
const EDITS: readonly (readonly [what: string, sql: string])[] = [
  ['contents of two names of a tenant exchanged', exchange(['body'], 1, 2)],
  ['contents and seals exchanged', exchange(['body', 'seal'], 1, 2)],
  ['places of two names exchanged', exchange(['place'], 1, 2)],
  ['places and labels of two tenants exchanged', exchange(['place', 'label'], 1, 3)],
  ['labels exchanged', exchange(['label'], 1, 2)],
  ['rows exchanged but for their places', exchange(['version', 'epoch', 'seal', 'label', 'body'], 1, 3)],
  ['a version raised', 'UPDATE records SET version = version + 1 WHERE row = 1'],
  ['a version that is no count', 'UPDATE records SET version = -1 WHERE row = 1'],
  ['a version that no number holds', 'UPDATE records SET version = 9223372036854775807 WHERE row = 1'],
  ['an epoch raised', 'UPDATE records SET epoch = epoch + 1 WHERE row = 1'],
  ['a content emptied', "UPDATE records SET body = x'' WHERE row = 1"],
  ['a content cut', 'UPDATE records SET body = substr(body, 1, length(body) - 1) WHERE row = 1'],
  ['a content longer', "UPDATE records SET body = CAST(body || x'00' AS BLOB) WHERE row = 1"],
  ['a seal cut', 'UPDATE records SET seal = substr(seal, 1, 39) WHERE row = 1'],
  ['a place cut', 'UPDATE records SET place = substr(place, 1, 47) WHERE row = 1'],
  ['a label emptied', "UPDATE records SET label = x'' WHERE row = 1"],
  ['a row deleted', 'DELETE FROM records WHERE row = 3'],
  ['all rows deleted', 'DELETE FROM records'],
  ['a row twice', 'INSERT INTO records SELECT 9, place, version, epoch, seal, label, body FROM records WHERE row = 1'],
  ['a row more', "INSERT INTO records VALUES (9, zeroblob(48), 1, 1, zeroblob(40), x'', x'')"],
  ['the head deleted', 'DELETE FROM head'],
  ['the head emptied', "UPDATE head SET body = x''"],
  ['the salt changed', 'UPDATE head SET salt = zeroblob(32)'],
  ['a trigger', 'CREATE TRIGGER t AFTER UPDATE ON records BEGIN DELETE FROM records; END'],
  ['a view', 'CREATE VIEW v AS SELECT * FROM records'],
  ['an index', 'CREATE INDEX i ON records (place)'],
  ['a column', 'ALTER TABLE records ADD COLUMN more INTEGER'],
  ['a table less', 'DROP TABLE records'],
  ['a view in place of the table', 'ALTER TABLE records RENAME TO r; CREATE VIEW records AS SELECT * FROM r'],
];

function exchange(columns: readonly string[], left: number, right: number): string {
  const parts = columns.map(
    (column) =>
      `UPDATE records SET ${column} = (SELECT other.${column} FROM copy AS other WHERE other.row = ${left} + ${right} - records.row) WHERE row IN (${left}, ${right})`,
  );
  return `CREATE TEMP TABLE copy AS SELECT * FROM records; ${parts.join('; ')}`;
}

describe('a file that its host edited', () => {
  test('is intact where nothing was changed', () => {
    const options = filled();
    edit(options, (raw) => raw.exec('VACUUM'));
    expect(fate(options)).toBe('intact');
  });

  for (const [what, sql] of EDITS) {
    promise('P1', `${what}: refused`, () => {
      const options = filled();
      edit(options, (raw) => raw.exec(sql));
      expect(fate(options)).toBe('storage.damaged');
    });
  }

  promise('P1', 'a damaged content is refused when it is read, and harms no other record', () => {
    const options = filled();
    edit(options, (raw) => raw.exec(EDITS[0]?.[1] ?? ''));
    withStore(options, (store) => {
      expect(codeOf(() => store.collection('ada', 'c').get('balance'))).toBe('storage.damaged');
      expect(store.collection('bob', 'c').get('balance')).toEqual(bytes('three hundred'));
      store.collection('ada', 'c').put('balance', bytes('anew'));
      expect(store.collection('ada', 'c').get('balance')).toEqual(bytes('anew'));
    });
  });

  promise('P1', 'what it says of damage names no record', () => {
    const options = filled();
    edit(options, (raw) => raw.exec(EDITS[0]?.[1] ?? ''));
    withStore(options, (store) => {
      expect(() => store.collection('ada', 'c').get('balance')).toThrow(
        /^the record in row 1 of the store (?!.*(ada|balance))/,
      );
    });
  });

  promise('P1', 'a row, a head, or both of an earlier version put back are refused', () => {
    const earlier = filled();
    const saved = `${earlier.file}.saved`;
    copyFileSync(earlier.file, saved);
    withStore(earlier, (store) => {
      store.collection('ada', 'c').put('balance', bytes('nothing left'));
      store.collection('ada', 'c').put('limit', bytes('nothing left'));
    });
    const later = readFileSync(earlier.file);
    const row = `REPLACE INTO records SELECT * FROM old.records WHERE row = 1`;
    const head = `REPLACE INTO head SELECT * FROM old.head`;
    for (const sql of [row, head, `${row}; ${head}`]) {
      writeFileSync(earlier.file, later);
      edit(earlier, (raw) => raw.exec(`ATTACH '${saved}' AS old; ${sql}`));
      expect(fate(earlier)).toBe('storage.damaged');
    }
  });

  promise('P1', 'records of another store with the same key are refused, whether of its name or another', () => {
    for (const name of ['test', 'another']) {
      const ours = filled();
      const theirs = filled({ name });
      edit(ours, (raw) =>
        raw.exec(`ATTACH '${theirs.file}' AS theirs; REPLACE INTO records SELECT * FROM theirs.records WHERE row = 1`),
      );
      expect(fate(ours)).toBe('storage.damaged');
    }
  });

  promise('P1', 'two ways that a store went from one copy cannot be mixed', () => {
    const left = filled();
    const right = { ...left, file: `${left.file}.right` };
    copyFileSync(left.file, right.file);
    withStore(left, (store) => store.collection('ada', 'c').put('balance', bytes('left')));
    withStore(right, (store) => store.collection('ada', 'c').put('balance', bytes('right')));
    edit(left, (raw) =>
      raw.exec(`ATTACH '${right.file}' AS r; REPLACE INTO records SELECT * FROM r.records WHERE row = 1`),
    );
    expect(fate(left)).toBe('storage.damaged');
  });
});

describe('an older file as a whole', () => {
  promise('P1', 'opens, and its head says which commit it is, after which, and of which history', () => {
    const options = filled();
    const saved = readFileSync(options.file);
    const spend = (): readonly (Head | undefined)[] =>
      withStore(options, (store) => {
        store.collection('ada', 'c').put('balance', bytes('nothing left'));
        return [store.head(), store.previousHead()];
      });
    const before = withStore(options, (store) => store.head());
    const [after, previous] = spend();
    expect(previous).toEqual(before);
    withStore(options, (store) => expect([store.head(), store.previousHead()]).toEqual([after, before]));
    writeFileSync(options.file, saved);
    withStore(options, (store) => expect(store.head()).toEqual(before));
    expect(fate(options)).toBe('intact');
    // The same number of commits from there is another history.
    const [other, parent] = spend();
    expect(other?.sequence).toBe(after?.sequence);
    expect(other?.digest).not.toBe(after?.digest);
    expect(parent).toEqual(before);
  });

  promise('P1', 'a log that was cut or changed gives an earlier commit as a whole, or nothing', () => {
    const options = freshOptions();
    const copy = { ...options, file: `${options.file}.copy`, create: false };
    const last = withStore(options, (store) => {
      for (let commit = 1; commit <= 4; commit++) {
        store.commit(
          ['left', 'right'].map((id) => ({ tenant: 't', collection: 'c', id, value: bytes(String(commit)) })),
        );
      }
      copyFileSync(options.file, copy.file);
      copyFileSync(`${options.file}-wal`, `${copy.file}-wal`);
      return store.head();
    });
    const [database, log] = [readFileSync(copy.file), readFileSync(`${copy.file}-wal`)];
    const look = (changed: Buffer): { readonly state: string; readonly isLast: boolean } => {
      writeFileSync(copy.file, database);
      writeFileSync(`${copy.file}-wal`, changed);
      let state = '';
      let isLast = false;
      const code = codeOf(() =>
        withStore(copy, (store) => {
          const values = ['left', 'right'].map((id) => new TextDecoder().decode(store.collection('t', 'c').get(id)));
          state = values.join(' ');
          isLast = isDeepStrictEqual(store.head(), last);
        }),
      );
      return { state: code ?? state, isLast };
    };
    expect(look(log)).toEqual({ state: '4 4', isLast: true });
    const seen = new Set<string>();
    for (let end = 0; end < log.length; end += 2060) seen.add(JSON.stringify(look(log.subarray(0, end))));
    for (let at = 40; at < log.length; at += 1777) {
      const changed = Buffer.from(log);
      changed[at] = (changed[at] ?? 0) ^ 1;
      seen.add(JSON.stringify(look(changed)));
    }
    const allowed = ['storage.missing', ' ', '1 1', '2 2', '3 3', 'storage.damaged', '4 4'];
    for (const one of seen) {
      const { state, isLast } = JSON.parse(one) as ReturnType<typeof look>;
      expect(allowed).toContain(state);
      expect(isLast).toBe(state === '4 4');
    }
    expect([...seen].some((one) => one.includes('2 2'))).toBe(true);
  });
});

describe('a file that was damaged byte by byte', () => {
  const options = (): SealedStoreOptions => filled();
  const outcomes = (work: SealedStoreOptions, variants: Iterable<Buffer>): Map<string, number> => {
    const counts = new Map<string, number>();
    for (const variant of variants) {
      for (const suffix of ['-wal', '-journal'])
        if (existsSync(`${work.file}${suffix}`)) rmSync(`${work.file}${suffix}`);
      writeFileSync(work.file, variant);
      const code = fate(work);
      counts.set(code, (counts.get(code) ?? 0) + 1);
    }
    return counts;
  };
  const PAGE = 4096;

  promise('P1', 'a flipped bit anywhere is refused or changes nothing; no other value ever comes out', () => {
    const work = options();
    const original = readFileSync(work.file);
    const counts = outcomes(
      work,
      (function* () {
        for (let at = 0; at < original.length; at += at < 200 ? 3 : 71) {
          const variant = Buffer.from(original);
          variant[at] = (variant[at] ?? 0) ^ (1 << (at & 7));
          yield variant;
        }
      })(),
    );
    expect(
      [...counts.keys()].filter(
        (code) => !['intact', 'storage.damaged', 'storage.missing', 'storage.full'].includes(code),
      ),
    ).toEqual([]);
    expect(counts.get('storage.damaged')).toBeGreaterThan(100);
  });

  promise('P1', 'a file cut short is refused, one that is longer is refused or unchanged', () => {
    const work = options();
    const original = readFileSync(work.file);
    const lengths = [100, 600, PAGE - 1, PAGE, PAGE + 1, original.length - 2 * PAGE, original.length - PAGE];
    expect([
      ...outcomes(
        work,
        lengths.map((length) => original.subarray(0, length)),
      ).keys(),
    ]).toEqual(['storage.damaged']);
    // Too little to be a database at all.
    const nothing = [0, 1].map((length) => original.subarray(0, length));
    expect(outcomes(work, nothing)).toEqual(new Map([['storage.missing', 2]]));
    const longer = [1, PAGE].map((more) => Buffer.concat([original, Buffer.alloc(more)]));
    for (const code of outcomes(work, longer).keys()) expect(['intact', 'storage.damaged']).toContain(code);
  });

  promise('P1', 'any two pages exchanged are refused or change nothing', () => {
    const work = options();
    const original = readFileSync(work.file);
    const pages = Array.from({ length: original.length / PAGE }, (_, page) =>
      original.subarray(page * PAGE, (page + 1) * PAGE),
    );
    const variants = pages.flatMap((left, at) =>
      pages
        .slice(at + 1)
        .map((right) => Buffer.concat(pages.map((page) => (page === left ? right : page === right ? left : page)))),
    );
    expect([...outcomes(work, variants).keys()]).toEqual(['storage.damaged']);
  });
});

promise('P1', 'a file that is changed under the running store is refused where it was changed', () => {
  const options = freshOptions();
  withStore(options, (store) => {
    store.commit(
      Array.from({ length: 400 }, (_, place) => ({
        tenant: 't',
        collection: 'c',
        id: String(place),
        value: new Uint8Array(16_000),
      })),
    );
  });
  const body = withRawFile(
    options.file,
    (raw) => raw.prepare('SELECT body FROM records WHERE row = 5').get()?.['body'],
  );
  if (!(body instanceof Uint8Array)) throw new TypeError('no body');
  withStore(options, (store) => {
    const file = readFileSync(options.file);
    const at = file.indexOf(body.subarray(-64));
    expect(at).toBeGreaterThan(0);
    file[at] = (file[at] ?? 0) ^ 1;
    writeFileSync(options.file, file);
    expect(codeOf(() => store.collection('t', 'c').get('4'))).toBe('storage.damaged');
    expect(store.collection('t', 'c').get('300')).toEqual(new Uint8Array(16_000));
  });
});
