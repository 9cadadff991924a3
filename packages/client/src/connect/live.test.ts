import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { type DcapCollateral, type EvidenceBundle, formatEvidenceBundle } from '@vitrine/documents';
import { openSimulator } from '@vitrine/simulator';
import { parsePolicy } from '@vitrine/verifier';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { attestedTransport } from '../attested-transport.ts';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { describeRefusal } from '../errors.ts';
import { makePin } from '../pins/pin.ts';
import { pinsFile, writePin } from '../pins/pins-store.ts';
import { MANIFEST, type SimulatedEnclave, simulatedEnclave } from '../testing/evidence.ts';
import { serveMcp } from '../testing/mcp-server.ts';
import { type AttestContext, reply, startTestServer, type TestServer } from '../testing/tls-server.ts';
import { requireTrust } from './judge.ts';
import { resolveTrust, type TrustOptions } from './trust.ts';
import { pinnable, verifyUrl } from './verify-url.ts';

const LIMIT = { timeLimitMs: 10_000 };
const NOW = { ...LIMIT, now: () => new Date() };

type Evidence = (context: AttestContext) => Promise<EvidenceBundle>;

const serve = (evidence: Evidence): Promise<TestServer> =>
  startTestServer({ attest: async (context) => reply(formatEvidenceBundle(await evidence(context))), serve: serveMcp });

/** Looks at the server, pins what is found, and returns the pin. */
async function pinServer(enclave: SimulatedEnclave, url: string): Promise<void> {
  const trust = await resolveTrust(url, { home: enclave.home, purpose: 'pin', allowSimulator: true });
  const { result } = await verifyUrl(trust, NOW);
  expect(pinnable(result, trust)).toEqual({ ok: true, firstUse: true, simulated: true });
  const pin = makePin(result, { policy: 'default', simulated: true, now: new Date() });
  await writePin(pinsFile(enclave.home), trust.url, pin);
}

/** Sends one request as the bridge would; gives the answer or the refusal. */
async function send(url: string, options: TrustOptions): Promise<unknown> {
  const trust = await resolveTrust(url, options);
  const { fetch, close } = attestedFetch(url, requireTrust(trust, NOW.now), LIMIT);
  try {
    const response = await fetch(url, { method: 'POST', body: '{"jsonrpc":"2.0","id":1,"method":"ping"}' });
    return await response.json();
  } catch (error) {
    return describeRefusal(error) ?? error;
  } finally {
    await close();
  }
}

describe('a simulated server', () => {
  promise('P7', 'is undetermined at first contact and simulated once pinned, never verified', async () => {
    await using enclave = await simulatedEnclave();
    await using server = await serve(enclave.evidence);
    const look = await resolveTrust(server.url, { home: enclave.home, purpose: 'look', allowSimulator: true });
    const first = await verifyUrl(look, NOW);
    expect(first.result).toMatchObject({ verdict: 'undetermined', decidedBy: 'workload.reference', scope: 'live' });
    await pinServer(enclave, server.url);
    const again = await resolveTrust(server.url, { home: enclave.home, purpose: 'connect' });
    expect((await verifyUrl(again, NOW)).result).toMatchObject({ verdict: 'simulated', decidedBy: null });
    expect(server.otherBytes()).toBe(0);
  });

  promise('P2', 'gets a request once pinned, and none before', async () => {
    await using enclave = await simulatedEnclave();
    await using server = await serve(enclave.evidence);
    const options: TrustOptions = { home: enclave.home, purpose: 'connect' };
    await expect(resolveTrust(server.url, options)).rejects.toMatchObject({ check: 'pin.missing' });
    expect(server.attested()).toBe(0);
    await pinServer(enclave, server.url);
    expect(await send(server.url, options)).toMatchObject({ id: 1, result: {} });
  });

  promise('P2', 'is held to the highest number seen, also by reference values in place of the pin', async () => {
    await using enclave = await simulatedEnclave();
    await using server = await serve(enclave.evidence);
    await pinServer(enclave, server.url);
    const file = pinsFile(enclave.home);
    const options: TrustOptions = {
      home: enclave.home,
      purpose: 'connect',
      referenceValues: await enclave.referenceValues(),
    };
    expect(await send(server.url, options)).toMatchObject({ id: 1, result: {} });
    const before = server.otherBytes();
    const stored = JSON.parse(await readFile(file, 'utf8')) as {
      pins: Record<string, { manifestNumber: number; manifest?: unknown }>;
    };
    for (const pin of Object.values(stored.pins)) {
      pin.manifestNumber += 1;
      delete pin.manifest;
    }
    await writeFile(file, JSON.stringify(stored));
    expect(await send(server.url, options)).toMatchObject({ check: 'pin.manifest-number', exitCode: 1 });
    expect(server.otherBytes()).toBe(before);
  });

  promise('P7', 'is refused with exit code 4 where the user did not allow a simulator', async () => {
    await using enclave = await simulatedEnclave();
    await using server = await serve(enclave.evidence);
    const referenceValues = await enclave.referenceValues();
    const outcome = await send(server.url, {
      home: enclave.home,
      purpose: 'connect',
      policy: 'default',
      referenceValues,
    });
    expect(outcome).toMatchObject({ verdict: 'simulated', exitCode: 4 });
    expect(server.otherBytes()).toBe(0);
  });

  promise('P2', 'is refused with exit code 3 under a policy alone: nothing to compare the code with', async () => {
    await using enclave = await simulatedEnclave();
    await using server = await serve(enclave.evidence);
    const outcome = await send(server.url, {
      home: enclave.home,
      purpose: 'connect',
      policy: 'default',
      allowSimulator: true,
    });
    expect(outcome).toMatchObject({ check: 'workload.reference', verdict: 'undetermined', exitCode: 3 });
    expect(server.otherBytes()).toBe(0);
  });

  promise('P2', 'is refused under a policy that waives the workload', async () => {
    await using enclave = await simulatedEnclave();
    await using server = await serve(enclave.evidence);
    const outcome = await send(server.url, {
      home: enclave.home,
      purpose: 'connect',
      policy: 'hardware-only',
      allowSimulator: true,
    });
    expect(outcome).toMatchObject({ check: 'policy.scope', exitCode: 1 });
    expect(server.otherBytes()).toBe(0);
  });
});

const flipLast = (hex: string): string => hex.slice(0, -1) + (hex.endsWith('0') ? '1' : '0');

/** Collateral of another simulator, or of this one as it will be in a year. */
async function otherCollateral(enclave: SimulatedEnclave, later: boolean): Promise<DcapCollateral> {
  const directory = join(enclave.home, later ? 'simulator' : 'other');
  const now = new Date(Date.now() + (later ? 365 : 0) * 86_400_000);
  return (await openSimulator({ directory, now: () => now, release: '0.1.0' })).collateral();
}

describe('a pinned server', () => {
  const changed: Record<string, readonly [string, (enclave: SimulatedEnclave) => Evidence]> = {
    'whose configuration differs by one byte': [
      'workload.reference',
      (enclave) => (context) => enclave.evidence(context, { ...MANIFEST, name: 'tesu' }),
    ],
    'that went back to an older manifest': [
      'workload.reference',
      (enclave) => (context) => enclave.evidence(context, { ...MANIFEST, number: 2 }),
    ],
    'with evidence for another connection': [
      'channel.live',
      (enclave) => (context) => enclave.evidence({ ...context, exporter: new Uint8Array(32).fill(7) }),
    ],
    'with evidence for another nonce': [
      'channel.live',
      (enclave) => (context) => enclave.evidence({ ...context, nonce: new Uint8Array(32).fill(7) }),
    ],
    'with evidence that is about no connection': [
      'channel.live',
      (enclave) =>
        async ({ identity }) =>
          (await enclave.service(identity)).boot(),
    ],
    'with evidence for another key': [
      'channel.live',
      (enclave) => (context) =>
        enclave.evidence({ ...context, identity: { ...context.identity, spkiSha256: new Uint8Array(32).fill(7) } }),
    ],
    'that puts its own connection into evidence made for another': [
      'binding.report-data',
      (enclave) => async (context) => {
        const bundle = await enclave.evidence({ ...context, exporter: new Uint8Array(32).fill(7) });
        const exporter = Buffer.from(context.exporter).toString('base64url');
        return bundle.channel === undefined ? bundle : { ...bundle, channel: { ...bundle.channel, exporter } };
      },
    ],
    'with a truncated quote': [
      'tdx.format',
      (enclave) => async (context) => {
        const bundle = await enclave.evidence(context);
        return { ...bundle, hardware: { ...bundle.hardware, bytes: bundle.hardware.bytes.slice(0, -1) } };
      },
    ],
    'with garbage after the quote': [
      'tdx.format',
      (enclave) => async (context) => {
        const bundle = await enclave.evidence(context);
        return { ...bundle, hardware: { ...bundle.hardware, bytes: Uint8Array.from([...bundle.hardware.bytes, 1]) } };
      },
    ],
  };
  const lists: Readonly<Record<string, (good: DcapCollateral, other: DcapCollateral) => Partial<DcapCollateral>>> = {
    'with garbage for a revocation list': () => ({ pck_crl: '00' }),
    'with a revocation list cut short': ({ root_ca_crl }) => ({ root_ca_crl: root_ca_crl.slice(0, -2) }),
    'with a revocation list that has one changed byte': ({ pck_crl }) => ({ pck_crl: flipLast(pck_crl) }),
    'with the revocation lists of another authority': (_, { pck_crl, root_ca_crl }) => ({ pck_crl, root_ca_crl }),
    'with a revocation list that is not in force at this time': (_, { pck_crl }) => ({ pck_crl }),
  };
  for (const [name, change] of Object.entries(lists)) {
    changed[name] = [
      'tdx.revocation',
      (enclave) => async (context) => {
        const bundle = await enclave.evidence(context);
        const good = enclave.simulator.collateral();
        const other = await otherCollateral(enclave, name.includes('not in force'));
        const dcap = [{ ...good, ...change(good, other) }];
        return { ...bundle, endorsements: { type: 'vitrine/endorsements/v1', dcap } };
      },
    ];
  }

  promise('P2', 'without any endorsements is not used: it could not be checked', async () => {
    await using enclave = await simulatedEnclave();
    let bare = false;
    await using server = await serve(async (context) => {
      const { endorsements, ...rest } = await enclave.evidence(context);
      return bare || endorsements === undefined ? rest : { ...rest, endorsements };
    });
    await pinServer(enclave, server.url);
    bare = true;
    const outcome = await send(server.url, { home: enclave.home, purpose: 'connect' });
    expect(outcome).toMatchObject({ check: 'tdx.tcb-status', verdict: 'undetermined', exitCode: 3 });
    expect(server.otherBytes()).toBe(0);
  });

  for (const [name, [check, evidence]] of Object.entries(changed)) {
    promise('P2', `${name} is refused by ${check} and gets no MCP byte`, async () => {
      await using enclave = await simulatedEnclave();
      let current: Evidence = enclave.evidence;
      await using server = await serve((context) => current(context));
      await pinServer(enclave, server.url);
      current = evidence(enclave);
      const outcome = await send(server.url, { home: enclave.home, purpose: 'connect' });
      expect(outcome).toMatchObject({ check, verdict: 'rejected', exitCode: 1 });
      expect(server.otherBytes()).toBe(0);
    });
  }

  promise('P2', 'is held to its pin even where a policy waives the comparison', async () => {
    await using enclave = await simulatedEnclave();
    let manifest = MANIFEST;
    await using server = await serve((context) => enclave.evidence(context, manifest));
    await pinServer(enclave, server.url);
    const policy = parsePolicy(
      JSON.stringify({ type: 'vitrine/appraisal-policy/v1', extends: 'default', workload: { reference: 'any' } }),
      'policy.json',
    );
    const options: TrustOptions = { home: enclave.home, purpose: 'connect', policy };
    expect(await send(server.url, options)).toMatchObject({ result: {} });
    const sent = server.otherBytes();
    manifest = { ...MANIFEST, number: 2 };
    expect(await send(server.url, options)).toMatchObject({ check: 'pin.manifest-number', exitCode: 1 });
    manifest = { ...MANIFEST, number: 4 };
    expect(await send(server.url, options)).toMatchObject({ check: 'pin.manifest', exitCode: 1 });
    expect(server.otherBytes()).toBe(sent);
  });
});

describe('a simulator root', () => {
  test('of this user is no argument about another machine', async () => {
    await using enclave = await simulatedEnclave();
    const options: TrustOptions = { home: enclave.home, purpose: 'look', allowSimulator: true };
    await expect(resolveTrust('https://bank.example/mcp', options)).rejects.toMatchObject({
      code: 'simulator.loopback',
    });
    const { rootPem } = enclave.simulator;
    const trust = await resolveTrust('https://bank.example/mcp', { ...options, simulatorRootPem: rootPem });
    expect(trust.simulatorAnchors).toHaveLength(1);
  });

  test('that is not there is named', async () => {
    const options: TrustOptions = { home: '/nonexistent', purpose: 'look', allowSimulator: true };
    await expect(resolveTrust('https://localhost/mcp', options)).rejects.toMatchObject({ code: 'simulator.root' });
  });
});

describe('attestedTransport', () => {
  promise('P8', 'carries an SDK client over verified connections', async () => {
    await using enclave = await simulatedEnclave();
    await using server = await serve(enclave.evidence);
    await pinServer(enclave, server.url);
    const verdicts: string[] = [];
    const client = new Client({ name: 'test', version: '1.0.0' });
    await client.connect(
      attestedTransport(server.url, {
        pins: pinsFile(enclave.home),
        onResult: ({ verdict }) => verdicts.push(verdict),
      }),
    );
    const { content } = await client.callTool({ name: 'echo', arguments: { text: 'hello' } });
    expect(content).toEqual([{ type: 'text', text: 'hello' }]);
    await client.close();
    expect(new Set(verdicts)).toEqual(new Set(['simulated']));
  });

  promise('P2', 'fails to connect to a server that is not pinned, with the check, and sends nothing', async () => {
    await using enclave = await simulatedEnclave();
    await using server = await serve(enclave.evidence);
    const client = new Client({ name: 'test', version: '1.0.0' });
    const transport = attestedTransport(server.url, { pins: pinsFile(enclave.home) });
    await expect(client.connect(transport)).rejects.toMatchObject({ check: 'pin.missing' });
    expect(server.attested()).toBe(0);
  });

  test('needs a policy or pins, and https', () => {
    expect(() => attestedTransport('https://localhost/mcp', {})).toThrow(
      expect.objectContaining({ code: 'transport.policy' }),
    );
    expect(() => attestedTransport('http://localhost/mcp', { policy: 'default' })).toThrow(
      expect.objectContaining({ code: 'url.scheme' }),
    );
  });
});
