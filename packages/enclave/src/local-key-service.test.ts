import type { Manifest } from '@vitrine/documents';
import { UsageError } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { localKeyService } from './local-key-service.ts';
import { MANIFEST, quoteSource } from './testing/open-door.ts';

let made = 0;
function randomBytes(length: number): Uint8Array {
  made += 1;
  return new Uint8Array(length).fill(made);
}

const service = (change: Partial<Manifest> = {}): ReturnType<typeof localKeyService> =>
  localKeyService({ source: quoteSource, manifest: { ...MANIFEST, ...change }, randomBytes });

promise('P3', 'without keys, evidence is collected here, for the key and the sandbox that were named', async () => {
  const sandbox = { process: 'none', seccomp: false, cgroup: false, volume: 'directory' } as const;
  const evidence = await service().bind({ tlsSpki: new Uint8Array(32).fill(7), sandbox });
  expect(evidence.bootBinding).toMatchObject({ sandbox, tlsSpki: '07'.repeat(32) });
  expect(evidence.bootBinding.appRoot).toBeUndefined();
});

const policy = { rules: [{ id: 'a', effect: 'allow', action: 'sign', contexts: ['x'] }] } as const;
for (const [member, change] of [
  ['keys', { keys: { main: { origin: 'generated', algorithm: 'ed25519', version: 1, policy } } }],
  ['store', { store: 'sealed' }],
  ['signer', { signer: { port: 8545, key: 'main' } }],
  [
    'credentials',
    {
      credentials: {
        api: {
          owner: '0'.repeat(64),
          header: 'authorization',
          allow: [{ host: 'api.example.com', port: 443, methods: ['GET'], paths: ['/'] }],
        },
      },
    },
  ],
] as const) {
  promise('P4', `a manifest with ${member} is refused where there is no process for keys`, () => {
    expect(() => service(change)).toThrow(UsageError);
    expect(() => service(change)).toThrow(`"${member}"`);
  });
}

promise('P4', 'what needs a key is refused, not pretended', async () => {
  const local = service();
  await expect(local.credential('api')).rejects.toThrow(UsageError);
  await expect(local.acceptSecret({})).rejects.toThrow(UsageError);
  await expect(local.signReceipt({})).rejects.toThrow(UsageError);
  expect(local.statements).toEqual([]);
});

promise('P1', 'keys of volumes: one for each volume and boot, and that they do not last is said', async () => {
  const local = service();
  expect(local.survivesRestart).toBe(false);
  const [a, b, again] = [await local.volumeKey('a'), await local.volumeKey('b'), await local.volumeKey('a')];
  expect(a).toHaveLength(32);
  expect(again).toEqual(a);
  expect(b).not.toEqual(a);
  expect(await service().volumeKey('a')).not.toEqual(a);
});
