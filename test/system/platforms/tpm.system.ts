/** The whole way on a machine whose only root of trust is a TPM: Debian's swtpm behind its socket. */

import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReferenceValues } from '@vitrine/documents';
import { parseTpmAttestationKey } from '@vitrine/verifier';
import { afterEach } from 'vitest';
import { missingSwtpm, type Swtpm, startSwtpm } from '../../../packages/attester/src/tpm/testing/swtpm.ts';
import { promise } from '../../promises.ts';
import { type Running, type Workplace, workplace } from '../../support/cli.ts';
import { journey, type Machine } from './journey.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const ZERO = '0'.repeat(64);

function referenceValues(manifestDigest: string): ReferenceValues {
  return {
    type: 'vitrine/reference-values/v1',
    release: 'emulated',
    entries: [
      {
        technology: 'tpm',
        shape: 'swtpm without firmware',
        registers: { pcr0: ZERO, pcr2: ZERO, pcr4: ZERO },
        computedBy: 'this test',
        manifestDigest,
      },
    ],
  };
}

function tpmMachine(user: Workplace, tpm: Swtpm): Machine {
  const akFile = (server: Running): string => {
    const at = server.ready.verify.indexOf('--tpm-ak');
    return server.ready.verify[at + 1] ?? '';
  };
  return {
    flags: ['--platform', 'tpm', '--device', tpm.path],
    boot: () => tpm.powerCycle(),
    trustFlags: async (server) => {
      const file = join(user.directory, 'reference.json');
      await writeFile(file, JSON.stringify(referenceValues(server.ready.manifestDigest)));
      return ['--tpm-ak', akFile(server), '--reference', file];
    },
    trust: async (server) => ({
      policy: 'default',
      referenceValues: referenceValues(server.ready.manifestDigest),
      tpmAk: parseTpmAttestationKey(Uint8Array.from(readFileSync(akFile(server)))),
    }),
    chain: /manifest: simulator/,
    derivable: /whoever runs the virtual TPM/,
  };
}

promise.unless(
  missingSwtpm(),
  'P4',
  'with a TPM: verified as simulated, called, restarted and upgraded with its keys and state',
  async () => {
    const tpm = await startSwtpm();
    ends.push(() => tpm.stop());
    const user = workplace();
    ends.push(() => user.dispose());
    await journey(user, tpmMachine(user, tpm));
  },
);
