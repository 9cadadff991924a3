import { randomBytes } from 'node:crypto';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { openSealedStore, type SealedStore } from '@vitrine/storage';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type AnchorFault, type AnchorMemory, anchorMemory } from '../testing/memory-anchor.ts';
import { removeTemporaryDirectories, temporaryDirectory } from '../testing/open-test-keyd.ts';
import { openAnchoredState } from './anchored-state.ts';
import type { LastingState } from './lasting-state.ts';

afterAll(removeTemporaryDirectories);

interface Opened {
  readonly store: SealedStore;
  readonly state: LastingState;
  put(id: string, text: string): Promise<number>;
  get(id: string): Promise<string | undefined>;
  /** Without a last word to the anchor, as a kill does. */
  kill(): void;
}

async function open(directory: string, memory: AnchorMemory, isFirst = false): Promise<Opened> {
  const store = openSealedStore({
    file: join(directory, 'store.db'),
    key: new Uint8Array(32).fill(7),
    name: 'test',
    create: isFirst,
    epoch: 1,
    randomBytes: (count) => Uint8Array.from(randomBytes(count)),
  });
  try {
    let count = 0;
    const beside = (): void =>
      void store.collection('own', 'clock').put('last', Uint8Array.of(++count, ...randomBytes(4)));
    const state = await openAnchoredState({ store, anchor: memory.open(), isFirst, beside });
    const records = store.collection('t', 'c');
    const read = (id: string): string | undefined => {
      const bytes = records.get(id);
      return bytes && new TextDecoder().decode(bytes);
    };
    return {
      store,
      state,
      put: (id, text) => state.commit(() => records.put(id, new TextEncoder().encode(text))),
      get: (id) => state.read(() => read(id)),
      kill: () => store.close(),
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'ok',
    (error: { readonly code?: string; readonly message: string }) => error.code ?? error.message,
  );
}

describe('the order', () => {
  promise('P1', 'a change is acknowledged when it is durable and the anchor has moved, and not before', async () => {
    const memory = anchorMemory();
    const { store, state, put } = await open(temporaryDirectory(), memory, true);
    const [before, moves] = [store.head(), memory.moves];
    let acknowledged = false;
    memory.beforeMove = async () => {
      expect(store.head().sequence).toBe(before.sequence + 1);
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(acknowledged).toBe(false);
      expect(state.head()).toEqual(before);
    };
    await put('a', '1').then(() => {
      acknowledged = true;
    });
    expect(memory.head).toEqual(store.head());
    expect(state.head()).toEqual(memory.head);
    expect(memory.moves).toBe(moves + 1);
  });

  promise('P1', 'what comes while the anchor is asked is one commit, and is never ahead of it by two', async () => {
    const memory = anchorMemory();
    const { store, put } = await open(temporaryDirectory(), memory, true);
    const start = store.head().sequence;
    memory.beforeMove = async () => {
      expect(store.head().sequence).toBe((memory.head?.sequence ?? 0) + 1);
      await new Promise((resolve) => setImmediate(resolve));
    };
    const first = put('first', '0');
    await Promise.resolve();
    await Promise.resolve();
    const others = Array.from({ length: 100 }, (_, index) => put(`r${index}`, String(index)));
    expect(await Promise.all([first, ...others])).toEqual(Array.from({ length: 101 }, () => 1));
    expect(store.head().sequence).toBe(start + 2);
  });

  promise('P1', 'what is read is not answered before it cannot be undone', async () => {
    const memory = anchorMemory();
    const { put, get } = await open(temporaryDirectory(), memory, true);
    let inMove: Promise<string | undefined> | undefined;
    let answered = false;
    memory.beforeMove = async () => {
      if (inMove !== undefined) return;
      inMove = get('a').finally(() => {
        answered = true;
      });
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      expect(answered).toBe(false);
    };
    await put('a', '1');
    expect(await inMove).toBe('1');
  });

  test('a change that cannot be made harms no other of its commit, and nothing to change is no step', async () => {
    const memory = anchorMemory();
    const { state, put, store } = await open(temporaryDirectory(), memory, true);
    const bad = put('', 'x');
    const good = put('a', '1');
    expect([await codeOf(bad), await good]).toEqual(['storage.name', 1]);
    const { moves } = memory;
    expect(await state.commit(() => store.collection('t', 'c').delete('never there'))).toBe(false);
    expect(await codeOf(put('', 'x'))).toBe('storage.name');
    expect(memory.moves).toBe(moves);
  });
});

describe('opening', () => {
  promise('P1', 'a restart goes on, and each opening is a step that fences other copies', async () => {
    const [directory, memory] = [temporaryDirectory(), anchorMemory()];
    const first = await open(directory, memory, true);
    await first.put('a', '1');
    const before = first.store.head().sequence;
    await first.state.close();
    first.kill();
    const second = await open(directory, memory);
    expect(await second.get('a')).toBe('1');
    expect(second.store.head().sequence).toBeGreaterThan(before);
    expect(memory.head).toEqual(second.store.head());
  });

  promise('P1', 'an older copy of the directory is refused, also when it is one commit older', async () => {
    for (const counts of [false, true]) {
      const [directory, memory] = [temporaryDirectory(), anchorMemory({ counts })];
      const copy = temporaryDirectory();
      const first = await open(directory, memory, true);
      await first.put('a', '1');
      first.kill();
      cpSync(directory, copy, { recursive: true });
      const second = await open(directory, memory);
      second.kill();
      expect(await codeOf(open(copy, memory))).toBe('keys.state-older');
      expect(await codeOf(open(directory, memory))).toBe('ok');
    }
  });

  promise('P1', 'a copy that went another way is refused, whichever of them the anchor has followed', async () => {
    const [directory, memory] = [temporaryDirectory(), anchorMemory()];
    const copy = temporaryDirectory();
    const first = await open(directory, memory, true);
    first.kill();
    cpSync(directory, copy, { recursive: true });
    // The copy was cut off between its disk and the anchor; the other went on.
    memory.faults = ['ok', 'down', 'down'];
    expect(await codeOf(open(copy, memory))).toBe('keys.anchor-unavailable');
    const second = await open(directory, memory);
    expect(await codeOf(open(copy, memory))).toBe('keys.state-forked');
    await second.put('a', '1');
    expect(await codeOf(open(copy, memory))).toBe('keys.state-older');
    expect(await codeOf(second.get('a'))).toBe('ok');
  });

  promise('P1', 'an anchor that has forgotten, or was put back, is refused', async () => {
    const [directory, memory] = [temporaryDirectory(), anchorMemory()];
    const first = await open(directory, memory, true);
    const old = memory.head;
    await first.put('a', '1');
    await first.put('a', '2');
    first.kill();
    memory.head = undefined;
    expect(await codeOf(open(directory, memory))).toBe('keys.anchor-empty');
    memory.head = old;
    expect(await codeOf(open(directory, memory))).toBe('keys.anchor-older');
  });

  test('an anchor that does not answer is no opening, and leaves nothing that stands in the way', async () => {
    const [directory, memory] = [temporaryDirectory(), anchorMemory()];
    memory.isDown = true;
    expect(await codeOf(open(directory, memory, true))).toBe('anchor.unavailable');
    memory.isDown = false;
    expect(await codeOf(open(directory, memory, true))).toBe('ok');
  });
});

describe('a second live copy', () => {
  promise('P1', 'makes the first sign, store and answer nothing any more, and the first says why', async () => {
    const [directory, memory] = [temporaryDirectory(), anchorMemory()];
    const copy = temporaryDirectory();
    const first = await open(directory, memory, true);
    await first.put('a', '1');
    cpSync(directory, copy, { recursive: true });
    const second = await open(copy, memory);
    expect(await codeOf(first.put('a', '2'))).toBe('keys.state-moved');
    expect(await codeOf(first.get('a'))).toBe('keys.state-moved');
    expect(() => first.state.demandNewest()).toThrow(/another live copy/);
    expect(() => first.state.head()).toThrow(/newest/);
    expect((await first.state.outdated).message).toContain('end it');
    const { moves } = memory;
    await first.state.close();
    expect(memory.moves).toBe(moves);
    expect(await second.put('a', '3')).toBe(2);
    // What it wrote and nobody acknowledged does not start.
    first.kill();
    expect(await codeOf(open(directory, memory))).toMatch(/^keys\.state-(older|forked)$/);
  });
});

describe('an anchor that is away', () => {
  promise('P1', 'fails what waits, keeps what is there, and goes on when it is back', async () => {
    const memory = anchorMemory();
    const { store, put, get, state } = await open(temporaryDirectory(), memory, true);
    await put('a', '1');
    memory.isDown = true;
    expect(await codeOf(put('a', '2'))).toBe('keys.anchor-unavailable');
    const { sequence } = store.head();
    expect(await codeOf(put('a', '3'))).toBe('keys.anchor-unavailable');
    expect(await codeOf(get('a'))).toBe('keys.anchor-unavailable');
    // Nothing is written on top of what the anchor may not know.
    expect(store.head().sequence).toBe(sequence);
    expect(state.head().sequence).toBe(sequence - 1);
    memory.isDown = false;
    expect(await get('a')).toBe('2');
    expect(await put('a', '4')).toBe(3);
    expect(memory.head).toEqual(store.head());
  });

  promise('P1', 'whose answer was lost is asked where it is', async () => {
    const memory = anchorMemory();
    const { put, store } = await open(temporaryDirectory(), memory, true);
    memory.faults = ['lost'];
    expect(await put('a', '1')).toBe(1);
    memory.faults = ['lost', 'down'];
    expect(await codeOf(put('a', '2'))).toBe('keys.anchor-unavailable');
    expect(await put('a', '3')).toBe(3);
    expect(memory.head).toEqual(store.head());
  });
});

promise(
  'P1',
  'whatever is lost, fails, is killed or put back: what was acknowledged is there, and no older state goes on',
  async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), faults: faultsOf() }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const), faults: faultsOf() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('save' as const) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), fc.boolean(), async (steps, counts) => {
        const [directory, memory] = [temporaryDirectory(), anchorMemory({ counts })];
        let saved: { readonly directory: string; readonly acknowledged: number } | undefined;
        let live: Opened | undefined = await open(directory, memory, true);
        let acknowledged = 0;
        let current = directory;
        let next = 0;
        for (const one of steps) {
          if (one.kind === 'put' && live !== undefined) {
            memory.faults = [...one.faults];
            next++;
            if ((await codeOf(live.put('n', String(next)))) === 'ok') acknowledged = next;
          } else if (one.kind === 'save' && live !== undefined) {
            const copy = temporaryDirectory();
            cpSync(current, copy, { recursive: true });
            saved = { directory: copy, acknowledged };
          } else if (one.kind === 'restart' || one.kind === 'restore') {
            live?.kill();
            memory.faults = one.kind === 'restart' ? [...one.faults] : [];
            if (one.kind === 'restore' && saved !== undefined) {
              const trial = temporaryDirectory();
              cpSync(saved.directory, trial, { recursive: true });
              const code = await codeOf(open(trial, memory).then((opened) => opened.kill()));
              // An older copy may only start where it lacks nothing that was acknowledged.
              if (code === 'ok') {
                expect(saved.acknowledged).toBe(acknowledged);
                current = trial;
              }
            }
            live = await open(current, memory).catch((error: { readonly code?: string }) => {
              expect(error.code).toMatch(/^(keys\.anchor-unavailable|anchor\.unavailable)$/);
              return undefined;
            });
            if (live === undefined) {
              memory.faults = [];
              live = await open(current, memory);
            }
            // Never a refusal of the newest after a crash, and everything acknowledged is there.
            const found = Number((await live.get('n')) ?? 0);
            expect(found).toBeGreaterThanOrEqual(acknowledged);
            acknowledged = found;
          }
        }
        live?.kill();
      }),
      { numRuns: 40 },
    );
  },
  30_000,
);

function faultsOf(): fc.Arbitrary<readonly AnchorFault[]> {
  return fc.array(fc.constantFrom<AnchorFault>('ok', 'ok', 'lost', 'down'), { maxLength: 4 });
}
