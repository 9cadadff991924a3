import {
  type BootBinding,
  type ChannelBinding,
  digest,
  documentDigest,
  type EvidenceBundle,
  type Manifest,
  reportData,
  toHex,
} from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { appraiseBindings, type ExpectedChannel } from './bindings.ts';

const manifest: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 3,
  name: 'demo',
  server: { source: { kind: 'command', command: 'python3' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};
const text = (letter: string, length: number): string => letter.repeat(length);
const boot: BootBinding = {
  type: 'vitrine/boot-binding/v1',
  manifestDigest: await documentDigest(manifest),
  manifestNumber: 3,
  tlsSpki: text('b', 64),
  sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
  nonce: text('A', 43),
};
const channel: ChannelBinding = {
  type: 'vitrine/channel-binding/v1',
  nonce: text('B', 43),
  exporter: text('C', 43),
  role: 'server',
  leafSpki: text('b', 64),
  bootBinding: await documentDigest(boot),
};
const hardware = { technology: 'tdx', bytes: new Uint8Array() };
const bundle: EvidenceBundle = { hardware, manifest, boot, channel };
const expected: ExpectedChannel = { nonce: channel.nonce, exporter: channel.exporter, leafSpki: channel.leafSpki };
const committed = toHex(await reportData(channel));

async function failedChecks(
  changed: EvidenceBundle,
  data: string,
  seen: ExpectedChannel | undefined,
): Promise<readonly string[]> {
  const checks = await appraiseBindings(changed, data, 'intel-sgx-root', seen);
  expect(checks.map((check) => check.id)).toEqual([
    'workload.manifest',
    'binding.report-data',
    'binding.boot',
    'binding.keys',
    'channel.live',
  ]);
  return checks.filter((check) => check.status === 'failed').map((check) => check.id);
}

/** As an enclave with other bindings would have it quoted: everything that follows from a change is recomputed. */
async function requoted(changed: EvidenceBundle): Promise<string> {
  return toHex(await reportData(changed.channel ?? changed.boot));
}

promise('P2', 'a bundle that is bound link by link to the connection passes', async () => {
  expect(await failedChecks(bundle, committed, expected)).toEqual([]);
});

promise('P2', 'evidence from a file waives the live channel and nothing else', async () => {
  const checks = await appraiseBindings(bundle, committed, 'intel-sgx-root', undefined);
  expect(checks.map((check) => check.status)).toEqual(['passed', 'passed', 'passed', 'passed', 'waived']);
});

promise('P2', 'evidence that was made at boot binds the boot but no connection', async () => {
  const { channel: _, ...recorded } = bundle;
  expect(await failedChecks(recorded, await requoted(recorded), undefined)).toEqual([]);
  expect(await failedChecks(recorded, await requoted(recorded), expected)).toEqual(['channel.live']);
});

const withChannel = (change: Partial<ChannelBinding>): EvidenceBundle => ({
  ...bundle,
  channel: { ...channel, ...change },
});

const oneThing: readonly (readonly [string, EvidenceBundle, string])[] = [
  ['a stale nonce', withChannel({ nonce: text('D', 43) }), 'channel.live'],
  ['the exporter of another connection', withChannel({ exporter: text('D', 43) }), 'channel.live'],
  ['another boot binding', withChannel({ bootBinding: text('a', 96) }), 'binding.boot'],
];
for (const [what, changed, check] of oneThing) {
  promise('P2', `evidence over ${what} fails ${check}`, async () => {
    expect(await failedChecks(changed, await requoted(changed), expected)).toEqual([check]);
  });
}

promise('P2', 'evidence for another TLS key than the one on the connection fails', async () => {
  const seen = { ...expected, leafSpki: text('c', 64) };
  expect(await failedChecks(bundle, committed, seen)).toEqual(['channel.live']);
});

promise('P4', 'a channel whose TLS key was not made at this boot fails', async () => {
  const changed = withChannel({ leafSpki: text('c', 64) });
  expect(await failedChecks(changed, await requoted(changed), { ...expected, leafSpki: text('c', 64) })).toEqual([
    'binding.boot',
  ]);
});

promise('P3', 'report data over anything else fails', async () => {
  expect(await failedChecks(bundle, text('0', 128), expected)).toEqual(['binding.report-data']);
  expect(await failedChecks(bundle, toHex(await reportData(boot)), expected)).toEqual(['binding.report-data']);
});

promise('P3', 'one changed character of the manifest fails', async () => {
  const changed = { ...bundle, manifest: { ...manifest, name: 'Demo' } };
  expect(await failedChecks(changed, committed, expected)).toEqual(['workload.manifest']);
});

promise('P3', 'a manifest under another number fails', async () => {
  const renumbered = { ...boot, manifestNumber: 2 };
  const changed = {
    ...bundle,
    boot: renumbered,
    channel: { ...channel, bootBinding: await documentDigest(renumbered) },
  };
  expect(await failedChecks(changed, await requoted(changed), expected)).toEqual(['workload.manifest']);
});

promise('P7', 'what the report data commits to is named: the connection, or only the boot', async () => {
  const said = async (changed: EvidenceBundle): Promise<string | undefined> =>
    (await appraiseBindings(changed, await requoted(changed), 'intel-sgx-root', undefined))[1]?.message;
  const { channel: _, ...recorded } = bundle;
  expect(await said(bundle)).toBe('The report data commits to the channel binding.');
  expect(await said(recorded)).toBe('The report data commits to the boot binding.');
});

const appRoot: NonNullable<BootBinding['appRoot']> = {
  id: 'cc'.repeat(32),
  sources: [{ kind: 'a', boundTo: 'a', derivableBy: [], survivesUpgrade: false, sharedByReplicas: false }],
  copies: 'unbounded',
};
const state = { sequence: 7, digest: 'dd'.repeat(32) };

/** A bundle whose boot binding is another one, and whose channel belongs to it. */
async function withRoot(root: BootBinding['appRoot'], said: ChannelBinding['state']): Promise<EvidenceBundle> {
  const other: BootBinding = { ...boot, ...(root === undefined ? {} : { appRoot: root }) };
  const bound: ChannelBinding = {
    ...channel,
    bootBinding: await documentDigest(other),
    ...(said === undefined ? {} : { state: said }),
  };
  return { ...bundle, boot: other, channel: bound };
}

promise('P4', 'a channel says how far the state has got exactly where there is an application root', async () => {
  const failed = async (...of: Parameters<typeof withRoot>): Promise<readonly string[]> => {
    const changed = await withRoot(...of);
    return failedChecks(changed, await requoted(changed), expected);
  };
  expect(await failed(appRoot, state)).toEqual([]);
  expect(await failed(undefined, undefined)).toEqual([]);
  expect(await failed(appRoot, undefined)).toEqual(['binding.boot']);
  expect(await failed(undefined, state)).toEqual(['binding.boot']);
});

promise('P4', 'who remembers the state is named exactly where somebody does', async () => {
  const anchor = { kind: 'tpm', rolledBackBy: [] };
  const failed = async (root: NonNullable<BootBinding['appRoot']>): Promise<readonly string[]> => {
    const changed = await withRoot(root, state);
    const { channel: _, ...recorded } = changed;
    const [live, still] = [
      await failedChecks(changed, await requoted(changed), expected),
      await failedChecks(recorded, await requoted(recorded), undefined),
    ];
    expect(still).toEqual(live);
    return live;
  };
  expect(await failed({ ...appRoot, copies: 'anchored', anchor })).toEqual([]);
  expect(await failed({ ...appRoot, copies: 'anchored' })).toEqual(['binding.boot']);
  expect(await failed({ ...appRoot, anchor })).toEqual(['binding.boot']);
});

promise('P2', 'a TPM carries SHA-256 of the report data, and nobody else does', async () => {
  const short = toHex(await digest('SHA-256', await reportData(channel)));
  const tpm = { ...bundle, hardware: { technology: 'tpm', bytes: new Uint8Array() } };
  expect(await failedChecks(tpm, short, expected)).toEqual([]);
  expect(await failedChecks(tpm, committed, expected)).toEqual(['binding.report-data']);
  expect(await failedChecks(tpm, committed.slice(0, 64), expected)).toEqual(['binding.report-data']);
  expect(await failedChecks(bundle, short, expected)).toEqual(['binding.report-data']);
});
