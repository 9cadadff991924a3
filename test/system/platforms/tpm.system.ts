/** The whole way on a machine whose only root of trust is a TPM: Debian's swtpm behind its socket. */

import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReferenceValues } from '@vitrine/documents';
import { parseTpmAttestationKey } from '@vitrine/verifier';
import { afterEach, expect } from 'vitest';
import { missingSwtpm, type Swtpm, startSwtpm } from '../../../packages/attester/src/tpm/testing/swtpm.ts';
import { promise } from '../../promises.ts';
import { configureBox, prepareBox } from '../../support/box.ts';
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
    roots: async () => '[{ kind: tpm-pcr }]',
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

promise.unless(
  missingSwtpm(),
  'P7',
  'a TPM that goes away while a server runs: no evidence, no hang, and the operator reads why, once',
  async () => {
    const tpm = await startSwtpm();
    ends.push(() => tpm.stop());
    const user = workplace();
    ends.push(() => user.dispose());
    await prepareBox(user);
    const more = 'logs: { child: drop }\nroots: [{ kind: tpm-pcr }]';
    await configureBox(user, { number: 1, upgrade: '{ kind: pinned }', versions: 'version: 1', more });
    const server = await user.start(['--platform', 'tpm', '--device', tpm.path, '--genesis']);
    await tpm.stop();
    for (let time = 0; time < 3; time++) {
      const asked = await user.run(['verify', server.ready.url, '--offline']);
      expect(asked.stderr).toContain('attest.failed');
    }
    const { stderr, code } = await server.stop();
    expect(stderr.match(/keys: no evidence can be made: the TPM could not be asked/g)).toHaveLength(1);
    expect(code).toBe(0);
  },
);
