/** The key service under a real counter of a TPM in software. */
import { cpSync } from 'node:fs';
import { tpmCounterAnchor } from '@vitrine/attester';
import type { Manifest } from '@vitrine/documents';
import { afterAll, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { useTestTpm } from '../../../attester/src/tpm/testing/fresh-tpm.ts';
import {
  admitServer,
  manifestWith,
  openTestKeyd,
  removeTemporaryDirectories,
  temporaryDirectory,
  testPlatform,
} from '../testing/open-test-keyd.ts';
import type { Keyd } from './contract.ts';

afterAll(removeTemporaryDirectories);

const tpm = useTestTpm();
const manifest: Manifest = manifestWith({
  anchor: { kind: 'tpm' },
  keys: {
    token: {
      origin: 'derived',
      algorithm: 'aes256',
      version: 1,
      policy: {
        rules: [{ id: 'all', effect: 'allow', action: 'mac', contexts: ['c'] }],
        limits: [{ kind: 'rate', id: 'five', window: 86_400, per: 'key', max: 5 }],
        copies: 'strict',
      },
    },
  },
});

function start(directory: string, genesis: boolean): Promise<Keyd> {
  const platform = testPlatform({
    openAnchor: (_terms, store, access) => tpmCounterAnchor({ transport: tpm.transport(), store, access }),
  });
  return openTestKeyd(manifest, { directory, genesis, platform });
}

async function sign(keyd: Keyd, count: number, id: string): Promise<readonly string[]> {
  const { ask } = admitServer(keyd, { id, principal: 'ada', isolated: true });
  const replies = await Promise.all(
    Array.from({ length: count }, () => ask('mac', { key: 'token', context: 'c', message: 'AAAA' })),
  );
  return replies.map(({ error }) => error?.data.code ?? 'done');
}

promise.unless(
  tpm.missing,
  'P4',
  'with a counter of a TPM limits are exact over a restart and a loss of power, and an older copy is refused',
  async () => {
    const [directory, copy] = [temporaryDirectory(), temporaryDirectory()];
    const first = await start(directory, true);
    cpSync(directory, copy, { recursive: true });
    expect(await sign(first, 3, 'i1')).toEqual(['done', 'done', 'done']);
    await first.close();
    await tpm.powerCycle();
    await expect(start(copy, false)).rejects.toMatchObject({ code: 'keys.state-older' });
    const second = await start(directory, false);
    expect((await sign(second, 4, 'i1')).toSorted()).toEqual(['done', 'done', 'policy.limit', 'policy.limit']);
    const third = await start(directory, false).catch((error: { readonly code: string }) => error.code);
    expect(third).toBe('storage.locked');
    await second.close();
  },
);
