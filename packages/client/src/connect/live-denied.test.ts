import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type DenyList, denyListSigned, formatEvidenceBundle, manifestDigest } from '@vitrine/documents';
import { presets } from '@vitrine/verifier';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { denyListsFile, keepDenyList } from '../deny-lists/kept-deny-lists.ts';
import { describeRefusal } from '../errors.ts';
import { makePin } from '../pins/pin.ts';
import { pinsFile, writePin } from '../pins/pins-store.ts';
import { MANIFEST, type SimulatedEnclave, simulatedEnclave } from '../testing/evidence.ts';
import { serveMcp } from '../testing/mcp-server.ts';
import { reply, startTestServer, type TestServer } from '../testing/tls-server.ts';
import { requireTrust } from './judge.ts';
import { resolveTrust, type TrustOptions } from './trust.ts';
import { pinnable, verifyUrl } from './verify-url.ts';

const LIMIT = { timeLimitMs: 10_000 };
const now = (): Date => new Date();
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const KEY = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url').toString('hex');

function listed(changes: Partial<DenyList>, by: KeyObject = privateKey): DenyList {
  const list: DenyList = {
    type: 'vitrine/deny-list/v1',
    name: 'vendor',
    number: 1,
    issued: '2026-11-20T09:00:00Z',
    denied: [],
    minimum: [],
    signatures: [],
    ...changes,
  };
  const signature = sign(null, denyListSigned(list), by).toString('base64url');
  return { ...list, signatures: [{ key: KEY, signature }] };
}

async function serving(test: (server: TestServer, enclave: SimulatedEnclave) => Promise<void>): Promise<void> {
  await using enclave = await simulatedEnclave();
  await using server = await startTestServer({
    attest: async (context) => reply(formatEvidenceBundle(await enclave.evidence(context))),
    serve: serveMcp,
  });
  const look = await resolveTrust(server.url, { home: enclave.home, purpose: 'pin', allowSimulator: true });
  const { result } = await verifyUrl(look, { ...LIMIT, now });
  await writePin(pinsFile(enclave.home), look.url, makePin(result, { policy: 'default', simulated: true, now: now() }));
  await test(server, enclave);
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

promise('P2', 'a pinned server that a kept list denies gets no byte, and cannot be pinned again', async () => {
  await serving(async (server, { home }) => {
    const options = { home, purpose: 'connect' } as const;
    const keep = (list: DenyList): Promise<unknown> =>
      keepDenyList(denyListsFile(home), list, { keys: [KEY], threshold: 1 });
    expect(await outcome(server, options)).toBe('admitted');
    await keep(listed({ minimum: [{ application: MANIFEST.name, number: MANIFEST.number }] }));
    expect(await outcome(server, options)).toBe('admitted');
    await keep(listed({ number: 2, denied: [{ manifest: await manifestDigest(MANIFEST) }] }));
    expect(await outcome(server, options)).toBe('workload.denied');
    expect(server.otherBytes()).toBe(0);
    const again = await resolveTrust(server.url, { home, purpose: 'pin', allowSimulator: true });
    const { result } = await verifyUrl(again, { ...LIMIT, now });
    expect(result).toMatchObject({ verdict: 'rejected', decidedBy: 'workload.denied' });
    expect(pinnable(result, again)).toEqual({ ok: false });
  });
});

promise('P2', 'a list that is named with the call denies, too', async () => {
  await serving(async (server, { home }) => {
    const denyLists = [listed({ minimum: [{ application: MANIFEST.name, number: MANIFEST.number + 1 }] })];
    expect(await outcome(server, { home, purpose: 'connect', denyLists })).toBe('workload.denied');
  });
});

promise('P2', 'where the policy demands a list, none is not good enough', async () => {
  await serving(async (server, { home }) => {
    const demanded = { keys: [KEY], threshold: 1, minNumber: 2 };
    const policy = { ...presets.default, workload: { ...presets.default.workload, denied: demanded } };
    const options = { home, purpose: 'connect', policy } as const;
    expect(await outcome(server, options)).toBe('workload.denied');
    expect(await outcome(server, { ...options, denyLists: [listed({})] })).toBe('workload.denied');
    const forged = listed({ number: 2 }, generateKeyPairSync('ed25519').privateKey);
    expect(await outcome(server, { ...options, denyLists: [forged] })).toBe('workload.denied');
    expect(server.otherBytes()).toBe(0);
    expect(await outcome(server, { ...options, denyLists: [listed({ number: 2 })] })).toBe('admitted');
  });
});
