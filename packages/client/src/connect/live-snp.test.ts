import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createEvidenceService } from '@vitrine/attester';
import { type EvidenceBundle, formatEvidenceBundle, type Manifest, manifestDigest } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { openSimulatedSnp, type SimulatedSnp } from '../../../simulator/src/sev-guest.ts';
import { prepareSnpDirectory } from '../../../simulator/src/testing/snp-directory.ts';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { describeRefusal } from '../errors.ts';
import { makePin } from '../pins/pin.ts';
import { pinsFile, writePin } from '../pins/pins-store.ts';
import { MANIFEST, type SimulatedEnclave, simulatedEnclave } from '../testing/evidence.ts';
import { serveMcp } from '../testing/mcp-server.ts';
import { type AttestContext, reply, startTestServer, type TestServer } from '../testing/tls-server.ts';
import { requireTrust } from './judge.ts';
import { ownSimulatorRoots } from './simulator-roots.ts';
import { resolveTrust, type TrustOptions } from './trust.ts';
import { pinnable, verifyUrl } from './verify-url.ts';

const LIMIT = { timeLimitMs: 10_000 };
const now = (): Date => new Date();
const SERVED: Manifest = {
  ...MANIFEST,
  server: { ...MANIFEST.server, source: { kind: 'path', tree: 'ab'.repeat(48), entry: 'index.js' } },
};

interface Machine {
  readonly snp: SimulatedSnp;
  /** Other code than the release's. */
  measurement?: string;
}

async function serving(test: (server: TestServer, enclave: SimulatedEnclave, machine: Machine) => Promise<void>) {
  await using enclave = await simulatedEnclave();
  const directory = join(enclave.home, 'simulator', 'snp');
  await prepareSnpDirectory(directory, now());
  const machine: Machine = { snp: await openSimulatedSnp({ directory, now, release: '0.1.0' }) };
  const evidence = async ({ nonce, exporter, identity }: AttestContext): Promise<EvidenceBundle> => {
    const { measurement } = machine;
    const service = await createEvidenceService({
      source: machine.snp.launch(await manifestDigest(SERVED), measurement === undefined ? {} : { measurement }),
      manifest: SERVED,
      tlsSpki: identity.spkiSha256,
      sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
      randomBytes,
    });
    return service.channel({ nonce, exporter, leafSpki: identity.spkiSha256 });
  };
  await using server = await startTestServer({
    attest: async (context) => reply(formatEvidenceBundle(await evidence(context))),
    serve: serveMcp,
  });
  await test(server, enclave, machine);
}

async function outcome(server: TestServer, options: TrustOptions): Promise<unknown> {
  const trust = await resolveTrust(server.url, options);
  const { prepare, close } = attestedFetch(server.url, requireTrust(trust, now), LIMIT);
  try {
    await prepare();
    return 'admitted';
  } catch (error) {
    return describeRefusal(error)?.check ?? error;
  } finally {
    await close();
  }
}

promise(
  'P7',
  'a server on the user’s own emulated AMD machine is pinned as simulated, and held to it',
  async () => {
    await serving(async (server, { home }, machine) => {
      const referenceValues = machine.snp.referenceValues(await manifestDigest(SERVED));
      const none = await resolveTrust(server.url, { home, purpose: 'pin', referenceValues });
      const refused = await verifyUrl(none, { ...LIMIT, now });
      expect(refused.result.verdict).not.toBe('verified');
      expect(pinnable(refused.result, none)).toEqual({ ok: false });

      // Without reference values nothing is wrong, and nothing says either that more than firmware was measured.
      const first = await resolveTrust(server.url, { home, purpose: 'pin', allowSimulator: true });
      const met = (await verifyUrl(first, { ...LIMIT, now })).result;
      expect(met).toMatchObject({ verdict: 'undetermined', decidedBy: 'workload.reference' });
      expect(met.checks.filter(({ status }) => status === 'failed')).toEqual([]);
      expect(pinnable(met, first)).toEqual({ ok: false });

      const trust = await resolveTrust(server.url, { home, purpose: 'pin', allowSimulator: true, referenceValues });
      const { result } = await verifyUrl(trust, { ...LIMIT, now });
      expect(result).toMatchObject({ verdict: 'simulated', decidedBy: null });
      expect(pinnable(result, trust)).toEqual({ ok: true, firstUse: false, simulated: true });
      const pin = makePin(result, { policy: 'default', simulated: true, now: now(), referenceValues });
      expect(Object.keys(pin.registers)).toEqual(['measurement', 'hostdata']);
      await writePin(pinsFile(home), trust.url, pin);
      expect(await outcome(server, { home, purpose: 'connect' })).toBe('admitted');

      machine.measurement = '99'.repeat(48);
      expect(await outcome(server, { home, purpose: 'connect' })).toBe('workload.reference');
      delete machine.measurement;
      const byRoot = { home, purpose: 'connect', simulatorRootPem: machine.snp.arkPem } as const;
      expect(await outcome(server, byRoot)).toBe('admitted');
      await rm(join(home, 'simulator', 'snp', 'ark.pem'));
      expect(await outcome(server, { home, purpose: 'connect' })).not.toBe('admitted');
      expect(server.otherBytes()).toBe(0);
    });
  },
  60_000,
);

promise(
  'P7',
  'roots of simulators are those of the state directory, and a file that is none stops everything',
  async () => {
    await using enclave = await simulatedEnclave();
    const { home } = enclave;
    const root = join(home, 'simulator', 'root.pem');
    expect(await ownSimulatorRoots(home)).toHaveLength(1);
    await copyFile(root, join(home, 'ark.pem'));
    expect(await ownSimulatorRoots(home)).toHaveLength(1);
    await mkdir(join(home, 'simulator', 'dstack', 'deeper'), { recursive: true });
    await copyFile(root, join(home, 'simulator', 'dstack', 'root.pem'));
    await copyFile(root, join(home, 'simulator', 'dstack', 'deeper', 'root.pem'));
    expect(await ownSimulatorRoots(home)).toHaveLength(2);
    await writeFile(
      join(home, 'simulator', 'dstack', 'ark.pem'),
      await readFile(root, 'utf8').then((pem) => pem.slice(9)),
    );
    await expect(ownSimulatorRoots(home)).rejects.toMatchObject({ code: 'simulator.root' });
    await rm(join(home, 'simulator'), { recursive: true });
    await expect(ownSimulatorRoots(home)).rejects.toMatchObject({ code: 'simulator.root' });
  },
);
