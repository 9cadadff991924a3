/**
 * One TPM for a test file, opened; and folders that go when the file is done. For tests only.
 *
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { openTpm } from '../open-tpm.ts';
import type { TpmTransport } from '../transport.ts';
import { missingSwtpm, type Swtpm, startSwtpm } from './swtpm.ts';

export interface TestTpm {
  /** Why there is none; false where there is. */
  readonly missing: string | false;
  emulator(): Swtpm;
  transport(): TpmTransport;
  /** Ends all that is loaded and the registers' values; then the transport is another one. */
  powerCycle(): Promise<void>;
  /** A new folder. */
  directory(): Promise<string>;
}

/** To be called once, at the top of a test file. */
export function useTestTpm(): TestTpm {
  const missing = missingSwtpm();
  const directories: string[] = [];
  let emulator: Swtpm | undefined;
  let transport: TpmTransport | undefined;
  beforeAll(async () => {
    if (missing !== false) return;
    emulator = await startSwtpm();
    transport = await openTpm(emulator.path);
  });
  afterAll(async () => {
    await transport?.close();
    await emulator?.stop();
    for (const directory of directories) await rm(directory, { recursive: true, force: true });
  });
  const there = <T>(value: T | undefined): T => {
    if (value === undefined) throw new Error('no TPM was started');
    return value;
  };
  return {
    missing,
    emulator: () => there(emulator),
    transport: () => there(transport),
    async powerCycle() {
      await there(transport).close();
      await there(emulator).powerCycle();
      transport = await openTpm(there(emulator).path);
    },
    async directory() {
      const made = await mkdtemp(join(tmpdir(), 'vitrine-tpm-root-'));
      directories.push(made);
      return made;
    },
  };
}
