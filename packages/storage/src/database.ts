/**
 * The SQLite file of a store: how it is opened, its two tables, its statements and its transactions. Knows
 * nothing of what the bytes mean.
 *
 * Write-ahead log with `synchronous = FULL`: a commit is one flush of the log, where a rollback journal needs
 * two or more of several files. The file stays locked exclusively while it is open, by a lock that the system
 * gives up when the process ends in whatever way; so the log's index is in memory and there is no file `-shm`.
 *
 * The file may be hostile: its schema is compared word by word, nothing in a schema is trusted to run, and
 * each value read is checked for its type. Settings after sqlite.org, "Defense Against The Dark Arts".
 *
 * @module
 */
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { fromSqlite, StorageError } from './storage-error.ts';

const TABLES: readonly (readonly [name: string, sql: string])[] = [
  [
    'head',
    'CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), salt BLOB NOT NULL, seal BLOB NOT NULL, body BLOB NOT NULL) STRICT',
  ],
  [
    'records',
    'CREATE TABLE records (row INTEGER PRIMARY KEY, place BLOB NOT NULL, version INTEGER NOT NULL, epoch INTEGER NOT NULL, seal BLOB NOT NULL, label BLOB NOT NULL, body BLOB NOT NULL) STRICT',
  ],
];

/** Bounds the log after a commit that was very large. */
const LOG_BYTES = 8 << 20;

export type Row = Readonly<Record<string, unknown>>;

export interface Database {
  /** Runs `work` in a transaction that is durable on return. Where it throws, nothing was changed. */
  readonly transaction: <T>(work: () => T) => T;
  readonly insertHead: (salt: Uint8Array, seal: Uint8Array, body: Uint8Array) => void;
  readonly updateHead: (seal: Uint8Array, body: Uint8Array) => void;
  readonly head: () => Row | undefined;
  /** Every record without label and body: `row`, `place`, `version`, `epoch`, `seal`, `size`. To be read to its end. */
  readonly scan: () => Iterable<Row>;
  readonly label: (row: number) => Row | undefined;
  readonly read: (row: number) => Row | undefined;
  readonly insert: (row: number, record: StoredRecord, label: Uint8Array) => void;
  readonly update: (row: number, record: StoredRecord) => void;
  readonly remove: (row: number) => void;
  readonly close: () => void;
}

interface StoredRecord {
  readonly place: Uint8Array;
  readonly version: number;
  readonly epoch: number;
  readonly seal: Uint8Array;
  readonly body: Uint8Array;
}

/**
 * Opens and locks `file`, an absolute path that was judged before. A file without tables gets them where
 * `create` is set.
 *
 * @returns `undefined` for a file without tables otherwise.
 * @throws StorageError `storage.locked`, `storage.damaged`, `storage.full`.
 */
export function openDatabase(file: string, create: boolean): Database | undefined {
  // Loaded when it is needed: Node 22 prints a warning when this module is loaded.
  const { DatabaseSync: Sqlite } = process.getBuiltinModule('node:sqlite');
  return mapped(() => {
    const connection = new Sqlite(file, { allowExtension: false, enableForeignKeyConstraints: false });
    try {
      lock(connection);
      const state = readSchema(connection);
      if (state === 'empty' && !create) {
        connection.close();
        return undefined;
      }
      if (state === 'empty') createTables(connection);
      return prepare(connection);
    } catch (error) {
      connection.close();
      throw error;
    }
  });
}

function lock(connection: DatabaseSync): void {
  connection.exec(
    `PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;
     PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = ${LOG_BYTES};`,
  );
  const { journal_mode: journal } = connection.prepare('PRAGMA journal_mode = WAL').get() ?? {};
  if (journal !== 'wal') {
    throw new StorageError(
      'storage.full',
      `the store's file system allows no write-ahead log (SQLite says ${journal})`,
    );
  }
  connection.exec('PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT');
}

function readSchema(connection: DatabaseSync): 'empty' | 'complete' {
  const found = connection.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name').all();
  if (found.length === 0) return 'empty';
  const same =
    found.length === TABLES.length &&
    TABLES.every(([name, sql], place) => {
      const row = found[place];
      return row?.['type'] === 'table' && row['name'] === name && row['tbl_name'] === name && row['sql'] === sql;
    });
  if (!same) throw new StorageError('storage.damaged', 'the file is not a sealed store: its tables are others');
  return 'complete';
}

function createTables(connection: DatabaseSync): void {
  connection.exec(`BEGIN EXCLUSIVE; ${TABLES.map(([, sql]) => sql).join('; ')}; COMMIT`);
}

function prepare(connection: DatabaseSync): Database {
  const statement = (sql: string): StatementSync => connection.prepare(sql);
  const begin = statement('BEGIN IMMEDIATE');
  const commit = statement('COMMIT');
  const rollback = statement('ROLLBACK');
  const insertHead = statement('INSERT INTO head (one, salt, seal, body) VALUES (1, ?, ?, ?)');
  const updateHead = statement('UPDATE head SET seal = ?, body = ? WHERE one = 1');
  const head = statement('SELECT salt, seal, body FROM head WHERE one = 1');
  const scan = statement('SELECT row, place, version, epoch, seal, length(body) AS size FROM records');
  const label = statement('SELECT place, label FROM records WHERE row = ?');
  const read = statement('SELECT place, version, epoch, seal, body FROM records WHERE row = ?');
  const insert = statement(
    'INSERT INTO records (row, place, version, epoch, seal, label, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const update = statement('UPDATE records SET place = ?, version = ?, epoch = ?, seal = ?, body = ? WHERE row = ?');
  const remove = statement('DELETE FROM records WHERE row = ?');
  const undo = (): void => {
    // SQLite ends some transactions by itself, such as when the disk is full.
    if (connection.isTransaction) rollback.run();
  };
  return {
    transaction: (work) =>
      mapped(() => {
        undo();
        begin.run();
        try {
          const result = work();
          commit.run();
          return result;
        } catch (error) {
          undo();
          throw error;
        }
      }),
    insertHead: (salt, seal, body) => changeOne(insertHead, salt, seal, body),
    updateHead: (seal, body) => changeOne(updateHead, seal, body),
    head: () => mapped(() => head.get()),
    scan: function* () {
      const rows = mapped(() => scan.iterate());
      for (;;) {
        const { done, value } = mapped(() => rows.next());
        if (done) return;
        yield value;
      }
    },
    label: (row) => mapped(() => label.get(row)),
    read: (row) => mapped(() => read.get(row)),
    insert: (row, { place, version, epoch, seal, body }, labelBytes) =>
      changeOne(insert, row, place, version, epoch, seal, labelBytes, body),
    update: (row, { place, version, epoch, seal, body }) => changeOne(update, place, version, epoch, seal, body, row),
    remove: (row) => changeOne(remove, row),
    close: () => connection.close(),
  };
}

function changeOne(statement: StatementSync, ...values: SQLInputValue[]): void {
  const { changes } = statement.run(...values);
  if (changes !== 1) throw new StorageError('storage.damaged', 'a row of the store is no longer where it was');
}

function mapped<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fromSqlite(error);
  }
}
