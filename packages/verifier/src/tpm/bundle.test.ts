/**
 * A bundle with a TPM quote, from the bindings to the verdict.
 */
import { createHash } from 'node:crypto';
import {
  type BootBinding,
  type ChannelBinding,
  documentDigest,
  type EvidenceBundle,
  fromHex,
  type Manifest,
  type ReferenceValues,
  reportData,
  toHex,
} from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { presets } from '../policy-file.ts';
import type { AttestationResult } from '../result.ts';
import { ECDSA_KEY, forgeTpm, OTHER_RSA_KEY, PCR_VALUES, SHA256 } from '../testing/forged-tpm.ts';
import { type VerifyOptions, verify } from '../verify.ts';

const NOW = new Date('2026-06-15T12:00:00Z');
const sha256 = (...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return Uint8Array.from(hash.digest());
};
const manifest: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'demo',
  server: {
    source: { kind: 'path', tree: 'a'.repeat(96), entry: 'a.js' },
    args: [],
    environment: {},
    transport: 'stdio',
  },
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};
const D = await documentDigest(manifest);
const boot: BootBinding = {
  type: 'vitrine/boot-binding/v1',
  manifestDigest: D,
  manifestNumber: 1,
  tlsSpki: 'b'.repeat(64),
  sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
  nonce: 'A'.repeat(43),
};
const channel: ChannelBinding = {
  type: 'vitrine/channel-binding/v1',
  nonce: 'B'.repeat(43),
  exporter: 'C'.repeat(43),
  role: 'server',
  leafSpki: 'b'.repeat(64),
  bootBinding: await documentDigest(boot),
};
const PCR14 = sha256(new Uint8Array(32), sha256(fromHex(D) ?? new Uint8Array()));
const QUALIFYING = sha256(await reportData(channel));
/** 0 to 9, 11 and 14. */
const SELECTED = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 14];

interface Changes {
  readonly extraData?: Uint8Array<ArrayBuffer>;
  readonly pcr14?: Uint8Array<ArrayBuffer>;
  readonly bundle?: Partial<EvidenceBundle>;
  readonly options?: Partial<VerifyOptions>;
}

const values = (pcr14: Uint8Array): readonly string[] =>
  PCR_VALUES.map((value, index) => (index === 14 ? toHex(pcr14) : value));
const at = (index: number): string => values(PCR14)[index] ?? '';
const referenceValues: ReferenceValues = {
  type: 'vitrine/reference-values/v1',
  release: '1',
  entries: [
    {
      technology: 'tpm',
      registers: { pcr0: at(0), pcr2: at(2), pcr4: at(4), pcr14: at(14) },
      shape: 'a',
      computedBy: 'somebody',
      manifestDigest: D,
    },
  ],
};

function judge({ extraData = QUALIFYING, pcr14 = PCR14, bundle, options }: Changes = {}): Promise<AttestationResult> {
  const pcrs = values(pcr14);
  const pcrDigest = sha256(...SELECTED.map((index) => fromHex(pcrs[index] ?? '') ?? new Uint8Array()));
  const bytes = forgeTpm({
    form: 'keyed',
    key: ECDSA_KEY,
    extraData,
    pcrs,
    pcrDigest,
    selections: [[SHA256, [0xff, 0x4b, 0]]],
  });
  return verify(
    { kind: 'bundle', bundle: { hardware: { technology: 'tpm', bytes }, manifest, boot, channel, ...bundle } },
    {
      policy: presets.default,
      now: NOW,
      endorsements: [],
      simulatorAnchors: [],
      referenceValues,
      channel: { nonce: channel.nonce, exporter: channel.exporter, leafSpki: channel.leafSpki },
      tpm: { ak: ECDSA_KEY.trusted },
      ...options,
    },
  );
}

const bad = ({ checks }: AttestationResult): readonly string[] =>
  checks.filter(({ status }) => status === 'failed').map(({ id }) => id);
const statusOf = ({ checks }: AttestationResult, id: string): string | undefined =>
  checks.find((check) => check.id === id)?.status;

describe('a bundle with a TPM quote', () => {
  promise('P2', 'is simulated at best, since the key is on the caller’s word', async () => {
    const result = await judge();
    expect(bad(result)).toEqual([]);
    expect(result).toMatchObject({ verdict: 'simulated', decidedBy: null, scope: 'live' });
    expect(statusOf(result, 'tpm.nonce')).toBe('passed');
    expect(statusOf(result, 'binding.report-data')).toBe('passed');
    expect(result.checks.find(({ id }) => id === 'workload.code')).toMatchObject({
      status: 'passed',
      anchor: 'simulator',
    });
  });

  promise('P7', 'is undetermined without the key, and says how to give it', async () => {
    const { simulatorAnchors: _, tpm: __, ...rest } = { simulatorAnchors: [], tpm: undefined, policy: presets.default };
    const result = await judge({ options: { ...rest, tpm: {} } });
    expect(result).toMatchObject({ verdict: 'undetermined', decidedBy: 'tpm.ak' });
    expect(result.checks.find(({ id }) => id === 'tpm.ak')?.message).toContain('--tpm-ak FILE');
  });

  promise('P7', 'is rejected under another key', async () => {
    expect(bad(await judge({ options: { tpm: { ak: OTHER_RSA_KEY.trusted } } }))).toEqual(['tpm.ak']);
  });

  const WRONG: readonly (readonly [string, () => Promise<Uint8Array<ArrayBuffer>>])[] = [
    ['the report data itself, cut', async () => (await reportData(channel)).slice(0, 32)],
    ['the boot binding', async () => sha256(await reportData(boot))],
    ['another nonce', async () => sha256(await reportData({ ...channel, nonce: 'D'.repeat(43) }))],
    ['nothing', async () => new Uint8Array()],
  ];
  for (const [what, extraData] of WRONG) {
    promise('P2', `is rejected where it was made for ${what}`, async () => {
      expect(bad(await judge({ extraData: await extraData() }))).toEqual(['tpm.nonce', 'binding.report-data']);
    });
  }

  promise('P3', 'is rejected where PCR 14 does not have the manifest', async () => {
    const result = await judge({ pcr14: sha256(new Uint8Array(32), fromHex(D) ?? new Uint8Array()) });
    expect(bad(result)).toEqual(['workload.reference', 'workload.code']);
  });

  promise('P2', 'is bound to its bindings when it is read from a file, too', async () => {
    const { channel: _, ...recorded } = { channel, policy: presets.default };
    const pcrs = values(PCR14);
    const pcrDigest = sha256(...SELECTED.map((index) => fromHex(pcrs[index] ?? '') ?? new Uint8Array()));
    const extraData = sha256(await reportData(boot));
    const bytes = forgeTpm({
      form: 'keyed',
      key: ECDSA_KEY,
      extraData,
      pcrs,
      pcrDigest,
      selections: [[SHA256, [0xff, 0x4b, 0]]],
    });
    const result = await verify(
      { kind: 'bundle', bundle: { hardware: { technology: 'tpm', bytes }, manifest, boot } },
      {
        ...recorded,
        now: NOW,
        endorsements: [],
        simulatorAnchors: [],
        referenceValues,
        tpm: { ak: ECDSA_KEY.trusted },
      },
    );
    expect(result).toMatchObject({ verdict: 'simulated', decidedBy: null, scope: 'recorded' });
    expect(statusOf(result, 'channel.live')).toBe('waived');
  });

  promise('P2', 'answers the nonce that a caller gives beside it', async () => {
    expect(bad(await judge({ options: { tpm: { ak: ECDSA_KEY.trusted, expectedNonce: Uint8Array.of(1) } } }))).toEqual([
      'tpm.nonce',
    ]);
  });
});
