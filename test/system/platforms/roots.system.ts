/** What wraps the root of keys is changed, with a start and while everything runs; the keys stay. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { simulatedSnpReferenceValues } from '@vitrine/simulator';
import { afterEach, expect } from 'vitest';
import { missingSwtpm, startSwtpm } from '../../../packages/attester/src/tpm/testing/swtpm.ts';
import { promise } from '../../promises.ts';
import { callBox, configureBox, prepareBox, rootOf } from '../../support/box.ts';
import { type Running, type Workplace, workplace } from '../../support/cli.ts';

const EMULATED = fileURLToPath(new URL('./emulated-vitrine.ts', import.meta.url));
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const slotsOf = (user: Workplace): string => readFileSync(join(user.home, 'keys', 'box', 'keyslots.json'), 'utf8');

async function called(user: Workplace, { ready }: Running, name: 'hide' | 'reveal', value?: string): Promise<unknown> {
  const trust = {
    policy: 'default',
    referenceValues: simulatedSnpReferenceValues('0.1.0', ready.manifestDigest),
    simulatorRootPem: readFileSync(join(user.home, 'simulator', 'ark.pem'), 'utf8'),
  } as const;
  return callBox(ready.url, trust, name, value);
}

/** Resolves when the running program has said it. */
async function said(server: Running, text: string): Promise<void> {
  const { stderr } = server.process;
  while (!server.output().stderr.includes(text)) await new Promise((next) => stderr?.once('data', next));
}

promise.unless(
  missingSwtpm(),
  'P4',
  'a second source is added with a start, both are needed from then on, and slots are renewed while it runs',
  async () => {
    const tpm = await startSwtpm();
    ends.push(() => tpm.stop());
    const user = workplace(EMULATED);
    ends.push(() => user.dispose());
    const releaseKey = await prepareBox(user);
    const device = join(user.directory, 'sev-guest');
    const launchedFor = async (number: number, roots: string): Promise<void> => {
      await configureBox(user, {
        number,
        upgrade: `{ kind: signed, keys: ["${releaseKey}"], threshold: 1 }`,
        versions: 'version: 1',
        more: `logs: { child: drop }\nroots: ${roots}`,
      });
      await writeFile(device, (await user.run(['config', 'hash'])).stdout.trim());
    };
    await launchedFor(1, '[{ kind: snp-derived-key }]');
    const machine = ['--platform', 'sev-snp', '--device', device];
    const both = ['--root', 'snp', '--root', `tpm:${tpm.path}`];

    const one = await user.start([...machine, '--genesis']);
    const hidden = String(await called(user, one, 'hide', 'kept'));
    await one.stop();

    const unnamed = await user.run(['run', '--listen', '127.0.0.1:0', ...machine, ...both, '--root-from', 'snp']);
    expect(unnamed).toMatchObject({ code: 2, stderr: expect.stringContaining('has to stand in the manifest') });
    await launchedFor(2, '[{ kind: snp-derived-key }, { kind: tpm-pcr }]');
    expect(await user.run(['release', 'make', 'next.json'])).toMatchObject({ code: 0 });
    const release = ['--root-from', 'snp', '--release', 'next.json'];
    const unsigned = await user.run(['run', '--listen', '127.0.0.1:0', ...machine, ...both, ...release]);
    expect(unsigned).toMatchObject({ code: 2, stderr: expect.stringContaining('0 of 1 listed keys') });
    expect(await user.run(['release', 'sign', 'next.json', '--owner-key', 'release.pem'])).toMatchObject({ code: 0 });
    const changed = await user.start([...machine, ...both, ...release]);
    expect(rootOf(changed)).toBe(rootOf(one));
    const before = slotsOf(user);
    expect(before).toContain('"tpm-pcr"');
    changed.process.kill('SIGUSR2');
    await said(changed, 'wrapped anew');
    expect(slotsOf(user)).not.toBe(before);
    expect(await called(user, changed, 'reveal', hidden)).toBe('kept');
    await changed.stop();

    const alone = await user.run(['run', '--listen', '127.0.0.1:0', ...machine]);
    expect(alone).toMatchObject({ code: 2, stderr: expect.stringContaining('has to stand in the manifest') });
    const again = await user.start([...machine, ...both]);
    expect(rootOf(again)).toBe(rootOf(one));
    const shown = await user.run([
      'keys',
      'ls',
      again.ready.url,
      '--offline',
      '--json',
      '--simulator-root',
      join(user.home, 'simulator', 'ark.pem'),
    ]);
    expect(shown.stdout).toContain('any guest on this chip');
    expect(shown.stdout).toContain('whoever runs the virtual TPM');
    await again.stop();
  },
);
