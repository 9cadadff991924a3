/** The whole way on a machine whose only root of trust is a TPM: Debian's swtpm behind its socket. */
import { afterEach, expect } from 'vitest';
import { missingSwtpm, startSwtpm } from '../../../packages/attester/src/tpm/testing/swtpm.ts';
import { promise } from '../../promises.ts';
import { configureBox, prepareBox } from '../../support/box.ts';
import { workplace } from '../../support/cli.ts';
import { journey } from './journey.ts';
import { tpmMachine } from './machines.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

promise.unless(
  missingSwtpm(),
  'P4',
  'with a TPM: verified as simulated, called, restarted and upgraded with its keys and state',
  async () => {
    const user = workplace();
    ends.push(() => user.dispose());
    const machine = await tpmMachine(user);
    ends.push(() => machine.end());
    await journey(user, machine);
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
