/** A hand-over between two processes that have no part in each other's messages but to send them. */
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Manifest } from '@vitrine/documents';
import { afterAll, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type SpawnedKeyService, type SpawnKeydOptions, spawnKeyd } from '../process/spawn-keyd.ts';
import { temporaryDirectory } from '../testing/open-test-keyd.ts';
import { application, KEYS } from './testing/enclaves.ts';

const ROOT = resolve(fileURLToPath(new URL('../../../../', import.meta.url)));
const open: SpawnedKeyService[] = [];
const home = temporaryDirectory();
const simulator = join(home, 'simulator');

afterAll(async () => {
  await Promise.all(open.map((service) => service.close()));
  await rm(home, { recursive: true, force: true });
});

async function start(name: string, manifest: Manifest, changes: Partial<SpawnKeydOptions>): Promise<SpawnedKeyService> {
  const directory = join(home, name);
  await mkdir(simulator, { recursive: true });
  const service = await spawnKeyd({
    node: process.execPath,
    main: {
      file: join(ROOT, 'packages/keys/src/testing/keyd-entry.ts'),
      args: [directory, simulator],
      nodeOptions: ['--conditions=@vitrine/source'],
    },
    directory,
    readable: [ROOT],
    manifest,
    genesis: false,
    onLog: () => undefined,
    ...changes,
  });
  open.push(service);
  return service;
}

const what = {
  tlsSpki: new Uint8Array(32),
  sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
} as const;

promise('P4', 'the root goes from one key service’s process to another’s, and a refusal keeps its code', async () => {
  const manifest = application({ keys: KEYS });
  const giver = await start('giver', manifest, { genesis: true });
  await giver.bind(what);
  const exchange = async (message: string) => ({ answer: (await giver.handover?.answer(message)) ?? '' });
  const receiver = await start('receiver', manifest, { handover: { exchange } });
  expect(receiver.appRoot).toEqual({ id: giver.appRoot?.id, isNew: false });
  expect(receiver.statements).toMatchObject(giver.statements.map(({ publicKey }) => ({ publicKey })));
  const wrong = { handover: { exchange, expectAppRoot: '0'.repeat(64) } };
  await expect(start('pinned', manifest, wrong)).rejects.toMatchObject({ code: 'handover.root' });
  const other = application({ keys: KEYS, name: 'other' });
  await expect(start('other', other, { handover: { exchange } })).rejects.toMatchObject({
    code: 'handover.application',
  });
  const { handover, ...silent } = manifest;
  const without = await start('silent', silent, { genesis: true });
  expect(without.handover).toBeUndefined();
});
