/** The whole way on emulated TDX and SEV-SNP machines, by the real program behind emulated devices. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReferenceValues } from '@vitrine/documents';
import { simulatedReferenceValues, simulatedSnpReferenceValues } from '@vitrine/simulator';
import { afterEach } from 'vitest';
import { missingSwtpm, startSwtpm } from '../../../packages/attester/src/tpm/testing/swtpm.ts';
import { promise } from '../../promises.ts';
import { type Running, type Workplace, workplace } from '../../support/cli.ts';
import { journey, type Machine } from './journey.ts';

const EMULATED = fileURLToPath(new URL('./emulated-vitrine.ts', import.meta.url));
const VERSION = '0.1.0';
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function freshPlace(): Workplace {
  const user = workplace(EMULATED);
  ends.push(() => user.dispose());
  return user;
}

/** By a root that the test names, as a user names a simulator's. */
function trusting(
  user: Workplace,
  rootFile: () => string,
  referenceValues: (manifestDigest: string) => ReferenceValues,
): Pick<Machine, 'trust' | 'trustFlags'> {
  const valuesOf = ({ ready }: Running): ReferenceValues => referenceValues(ready.manifestDigest);
  return {
    trustFlags: async (server) => {
      const file = join(user.directory, 'reference.json');
      await writeFile(file, JSON.stringify(valuesOf(server)));
      return ['--simulator-root', rootFile(), '--reference', file];
    },
    trust: async (server) => ({
      policy: 'default',
      referenceValues: valuesOf(server),
      simulatorRootPem: readFileSync(rootFile(), 'utf8'),
    }),
  };
}

promise.unless(
  missingSwtpm(),
  'P4',
  'on TDX, with a root that a TPM seals: verified as simulated, called, restarted, upgraded',
  async () => {
    const tpm = await startSwtpm();
    ends.push(() => tpm.stop());
    const user = freshPlace();
    await journey(user, {
      flags: ['--platform', 'tdx', '--root', `tpm:${tpm.path}`],
      boot: () => tpm.powerCycle(),
      ...trusting(
        user,
        () => join(user.home, 'simulator', 'root.pem'),
        (digest) => simulatedReferenceValues(VERSION, digest),
      ),
      roots: async () => '[{ kind: tpm-pcr }]',
      chain: /manifest: simulator/,
      derivable: /whoever runs the virtual TPM/,
    });
  },
);

promise(
  'P4',
  'on SEV-SNP, with a key derived by the chip: verified as simulated, called, restarted, upgraded',
  async () => {
    const user = freshPlace();
    const device = join(user.directory, 'sev-guest');
    await journey(user, {
      flags: ['--platform', 'sev-snp', '--device', device],
      boot: (manifestDigest) => writeFile(device, manifestDigest),
      ...trusting(
        user,
        () => join(user.home, 'simulator', 'ark.pem'),
        (digest) => simulatedSnpReferenceValues(VERSION, digest),
      ),
      roots: async () => '[{ kind: snp-derived-key }]',
      chain: /manifest: simulator/,
      derivable: /any guest on this chip/,
    });
  },
);
