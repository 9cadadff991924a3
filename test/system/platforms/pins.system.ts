/**
 * What a user has pinned, held against live servers on emulated machines: the same server started again is accepted,
 * also as another instance, and whatever else was launched there is refused with what differs.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openTpm } from '@vitrine/attester';
import { type AttestedTransportOptions, type ExactPin, pinsFile, readPins } from '@vitrine/client';
import { simulatedSnpReferenceValues } from '@vitrine/simulator';
import { afterEach, expect } from 'vitest';
import { extendPcr } from '../../../packages/attester/src/tpm/registers.ts';
import { TpmAlg } from '../../../packages/attester/src/tpm/structures.ts';
import { missingSwtpm } from '../../../packages/attester/src/tpm/testing/swtpm.ts';
import { VERSION } from '../../../packages/cli/src/version.ts';
import { promise } from '../../promises.ts';
import { callBox, configureBox, prepareBox } from '../../support/box.ts';
import { type Running, type Workplace, workplace } from '../../support/cli.ts';
import type { Machine } from './journey.ts';
import { cocoMachine, dstackMachine, type EmulatedMachine, tpmMachine } from './machines.ts';

const EMULATED = fileURLToPath(new URL('./emulated-vitrine.ts', import.meta.url));
const OTHER_IMAGE = `registry.example/vitrine@sha256:${'cd'.repeat(32)}`;
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function ended<M extends EmulatedMachine>(machine: M): M {
  ends.push(() => machine.end());
  return machine;
}

type Launchable = Pick<Machine, 'boot' | 'flags' | 'roots' | 'trust' | 'trustFlags'>;

interface Site {
  /** Of the manifest that was added. */
  readonly digest: string;
  configure(number: number): Promise<string>;
  /** Starts the server where the pinned one was. */
  start(machine: Launchable, manifest: string, more?: readonly string[]): Promise<Running>;
  /** By the pin, and nothing else that says what is expected. */
  call(name: 'hide' | 'reveal', value?: string): Promise<unknown>;
  registers(): Readonly<Record<string, string>>;
  pin(): Promise<ExactPin>;
  /** That what runs is refused by the check, and that people read all of `says`. */
  refused(check: string, ...says: readonly (string | RegExp)[]): Promise<void>;
}

/** A server that `machine` runs, and that the user has added. */
async function addedSite(user: Workplace, machine: Launchable): Promise<Site> {
  ends.push(() => user.dispose());
  const releaseKey = await prepareBox(user);
  const upgrade = `{ kind: signed, keys: ["${releaseKey}"], threshold: 1 }`;
  let listen: string | undefined;
  let running: Running | undefined;
  let trust: AttestedTransportOptions = {};
  let flags: readonly string[] = [];
  let registers: Readonly<Record<string, string>> = {};
  const configure = async (number: number): Promise<string> => {
    const more = `logs: { child: drop }\nroots: ${await machine.roots()}`;
    const versions = number === 1 ? 'version: 1' : 'version: 2\n    retired: [1]';
    await configureBox(user, { number, upgrade, versions, more });
    return (await user.run(['config', 'hash'])).stdout.trim();
  };
  const digest = await configure(1);
  const site: Site = {
    digest,
    configure,
    start: async (next, manifest, more = []) => {
      await running?.stop();
      await next.boot(manifest);
      running = await user.start([...next.flags, ...more], listen);
      listen ??= new URL(running.ready.url).host;
      return running;
    },
    call: (name, value) =>
      callBox(
        urlOf(running),
        {
          ...trust,
          onResult: ({ claims }) => {
            registers = claims?.registers ?? {};
          },
        },
        name,
        value,
      ),
    registers: () => registers,
    pin: async () => {
      const [pin] = Object.values((await readPins(pinsFile(user.home))).pins);
      if (pin?.mode !== 'exact') throw new Error('nothing is pinned exactly');
      return pin;
    },
    refused: async (check, ...says) => {
      const before = await site.pin();
      await expect(site.call('reveal')).rejects.toMatchObject({ result: { decidedBy: check } });
      const seen = await user.run(['verify', urlOf(running), '--offline', ...flags]);
      expect(seen.code, seen.stdout).toBe(1);
      const words = `${seen.stdout}${seen.stderr}`.replaceAll(/\s+/g, ' ');
      for (const one of says) expect(words).toMatch(one);
      expect(await site.pin()).toEqual(before);
    },
  };

  const server = await site.start(machine, digest, ['--genesis']);
  const all = await machine.trustFlags(server);
  const at = all.indexOf('--reference');
  const added = await user.run(['add', server.ready.url, '--offline', '--yes', '--print', ...all]);
  expect(added).toMatchObject({ code: 0 });
  // From now on the pin says what is expected.
  flags = all.filter((_, index) => index !== at && index !== at + 1);
  const { policy: _policy, referenceValues: _values, tpmAk: _key, ...rest } = await machine.trust(server);
  trust = { ...rest, pins: pinsFile(user.home) };
  await site.call('hide', 'kept');
  return site;
}

function urlOf(running: Running | undefined): string {
  if (running === undefined) throw new Error('nothing runs');
  return running.ready.url;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

promise(
  'P2',
  'in dstack another instance is accepted, whose RTMR3 is another, and another app-compose is refused',
  async () => {
    const user = workplace();
    const machine = ended(dstackMachine(user, { version: '0.6' }));
    const site = await addedSite(user, machine);
    const { digest } = site;
    const pinned = await site.pin();
    expect(pinned.registers).not.toHaveProperty('rtmr3');
    const { rtmr3 } = site.registers();

    await site.start(ended(dstackMachine(user, { version: '0.6', socket: 'second.sock' })), digest);
    expect(await site.call('reveal')).toBe('kept');
    expect(site.registers()['rtmr3']).not.toBe(rtmr3);

    const appId = machine.appId() ?? '';
    const other = dstackMachine(user, { version: '0.6', socket: 'third.sock', image: OTHER_IMAGE, appId });
    await site.start(ended(other), digest);
    await site.refused('workload.reference', /launch document/, pinned.launch ?? 'a launch document');
  },
);

promise('P2', 'in CoCo the same init-data is accepted again, and another one is refused', async () => {
  const user = workplace();
  let image = `registry.example/vitrine@sha256:${'ab'.repeat(32)}`;
  const machine = ended(await cocoMachine(user, { image: () => image }));
  const site = await addedSite(user, machine);
  const { digest } = site;
  const pinned = await site.pin();

  await site.start(machine, digest);
  expect(await site.call('reveal')).toBe('kept');

  image = OTHER_IMAGE;
  await site.start(machine, digest);
  await site.refused('workload.reference', /launch document/, pinned.launch ?? 'a launch document', /mrconfigid/);
});

promise('P2', 'on SEV-SNP the same launch is accepted again, and other host data is refused', async () => {
  const user = workplace(EMULATED);
  const device = join(user.directory, 'sev-guest');
  const root = join(user.home, 'simulator', 'ark.pem');
  const machine: Launchable = {
    roots: async () => '[{ kind: snp-derived-key }]',
    flags: ['--platform', 'sev-snp', '--device', device],
    boot: (digest) => writeFile(device, digest),
    trustFlags: async ({ ready }) => {
      const reference = join(user.directory, 'reference.json');
      await writeFile(reference, JSON.stringify(simulatedSnpReferenceValues(VERSION, ready.manifestDigest)));
      return ['--simulator-root', root, '--reference', reference];
    },
    // The pin's word for a simulator is that of this user.
    trust: async () => ({}),
  };
  const site = await addedSite(user, machine);
  const { digest: first } = site;
  const pinned = await site.pin();
  expect(pinned.registers['hostdata']).toBe(sha256(Buffer.from(first, 'hex')));

  await site.start(machine, first);
  expect(await site.call('reveal')).toBe('kept');

  const second = await site.configure(2);
  await user.run(['release', 'make', 'next.json']);
  await user.run(['release', 'sign', 'next.json', '--owner-key', 'release.pem']);
  await site.start(machine, second, ['--release', 'next.json']);
  await site.refused('workload.reference', /hostdata/, sha256(Buffer.from(second, 'hex')), /number/);
});

promise.unless(
  missingSwtpm(),
  'P2',
  'with a TPM the same registers are accepted again, and another one is refused',
  async () => {
    const user = workplace();
    const machine = ended(await tpmMachine(user));
    const site = await addedSite(user, machine);
    const { digest } = site;

    await site.start(machine, digest);
    expect(await site.call('reveal')).toBe('kept');

    // The firmware's settings, which the root of keys is not sealed to.
    const changed = async (): Promise<void> => {
      await machine.boot(digest);
      const transport = await openTpm(machine.tpm.path);
      await extendPcr(transport, 1, [[TpmAlg.sha256, new Uint8Array(32).fill(7)]]);
      await transport.close();
    };
    await site.start({ ...machine, boot: changed }, digest);
    await site.refused('workload.reference', /pcr1/);
  },
);
