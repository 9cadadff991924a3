import { createHash, randomBytes } from 'node:crypto';
import { createEvidenceService } from '@vitrine/attester';
import { type EvidenceBundle, formatEvidenceBundle, type Manifest, manifestDigest, toHex } from '@vitrine/documents';
import { parseTpmAttestationKey } from '@vitrine/verifier';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ECDSA_KEY, forgeTpm, OTHER_ECDSA_KEY, PCR_VALUES, SHA256 } from '../../../verifier/src/testing/forged-tpm.ts';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { describeRefusal } from '../errors.ts';
import { makePin } from '../pins/pin.ts';
import { findPin, pinsFile, writePin } from '../pins/pins-store.ts';
import { MANIFEST, type SimulatedEnclave, simulatedEnclave } from '../testing/evidence.ts';
import { serveMcp } from '../testing/mcp-server.ts';
import { type AttestContext, reply, startTestServer, type TestServer } from '../testing/tls-server.ts';
import { requireTrust } from './judge.ts';
import { resolveTrust, type TrustOptions } from './trust.ts';
import { pinnable, verifyUrl } from './verify-url.ts';

const LIMIT = { timeLimitMs: 10_000 };
const now = (): Date => new Date();
const SERVED: Manifest = {
  ...MANIFEST,
  server: { ...MANIFEST.server, source: { kind: 'path', tree: 'ab'.repeat(48), entry: 'index.js' } },
};
/** Registers 0 to 9, 11 and 14. */
const SELECTED = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14];
const BITMAP = [0xff, 0x4b, 0];
const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

interface Machine {
  key: typeof ECDSA_KEY;
  /** What PCR 4 holds: the boot loader. */
  loader: string;
}

async function serving(test: (server: TestServer, enclave: SimulatedEnclave, machine: Machine) => Promise<void>) {
  await using enclave = await simulatedEnclave();
  const machine: Machine = { key: ECDSA_KEY, loader: PCR_VALUES[4] ?? '' };
  const digest = Buffer.from(await manifestDigest(SERVED), 'hex');
  const evidence = async ({ nonce, exporter, identity }: AttestContext): Promise<EvidenceBundle> => {
    const measured = toHex(Uint8Array.from(sha256(new Uint8Array(32), sha256(digest))));
    const pcrs = PCR_VALUES.map((value, index) => ({ 4: machine.loader, 14: measured })[index] ?? value);
    const pcrDigest = sha256(...SELECTED.map((index) => Buffer.from(pcrs[index] ?? '', 'hex')));
    const service = await createEvidenceService({
      source: {
        technology: 'tpm',
        quote: async (reportData) =>
          forgeTpm({
            form: 'keyed',
            key: machine.key,
            extraData: sha256(reportData),
            selections: [[SHA256, BITMAP]],
            pcrs,
            pcrDigest,
          }),
        endorsements: async () => undefined,
      },
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

promise('P7', 'a server on a TPM is pinned under a key that was named, and never reads as verified', async () => {
  await serving(async (server, { home }, machine) => {
    const ak = parseTpmAttestationKey(new TextEncoder().encode(ECDSA_KEY.pem), 'ak.pem');
    const unnamed = await resolveTrust(server.url, { home, purpose: 'pin' });
    const first = await verifyUrl(unnamed, { ...LIMIT, now });
    expect(first.result).toMatchObject({ verdict: 'undetermined', decidedBy: 'tpm.ak' });
    expect(pinnable(first.result, unnamed)).toEqual({ ok: false });

    const named = await resolveTrust(server.url, { home, purpose: 'pin', tpmAk: ak });
    const { result } = await verifyUrl(named, { ...LIMIT, now });
    expect(pinnable(result, named)).toEqual({ ok: true, firstUse: true, simulated: true });
    await writePin(
      pinsFile(home),
      named.url,
      makePin(result, { policy: 'default', simulated: true, now: now(), tpmAk: ak }),
    );
    expect(await findPin(pinsFile(home), named.url)).toMatchObject({ technology: 'tpm', tpmKey: ECDSA_KEY.pem });

    const again = await resolveTrust(server.url, { home, purpose: 'connect' });
    expect((await verifyUrl(again, { ...LIMIT, now })).result).toMatchObject({ verdict: 'simulated', decidedBy: null });
    expect(await outcome(server, { home, purpose: 'connect' })).toBe('admitted');

    machine.loader = '99'.repeat(32);
    expect(await outcome(server, { home, purpose: 'connect' })).toBe('workload.reference');
    machine.loader = PCR_VALUES[4] ?? '';
    machine.key = OTHER_ECDSA_KEY;
    expect(await outcome(server, { home, purpose: 'connect' })).toBe('tpm.ak');
    expect(server.otherBytes()).toBe(0);
  });
});
