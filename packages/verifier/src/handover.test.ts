/** Evidence that enclaves make for each other: good for that alone, and compared register by register. */
import { giverEvidence, type HandoverEvidence, receiverEvidence } from '@vitrine/attester';
import {
  documentDigest,
  type EvidenceBundle,
  type HandoverTerms,
  type Manifest,
  manifestDigest,
  reportData,
  toBase64Url,
} from '@vitrine/documents';
import { beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { missingVectors, readVector } from '../../../test/vectors.ts';
import { type ForgedPki, forgePki, forgeSource } from '../../simulator/src/faults.ts';
import { endorsementsOf } from './endorsement-file.ts';
import { belowTcbFloor, launchDifference, ownClaims, verifyHandover } from './handover.ts';
import { presets } from './policy-file.ts';
import type { AttestationResult, Claims } from './result.ts';
import { simulatorAnchor } from './simulator-anchor.ts';
import { verify } from './verify.ts';

const NOW = new Date('2026-11-18T12:00:00Z');
const manifest: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'example',
  server: {
    source: { kind: 'path', tree: '0'.repeat(96), entry: 'server.js' },
    args: [],
    environment: {},
    transport: 'stdio',
  },
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.0.0' },
};
const fill = (value: number): Uint8Array<ArrayBuffer> => new Uint8Array(32).fill(value);

let pki: ForgedPki;
let receiver: HandoverEvidence;
let giver: HandoverEvidence;
beforeAll(async () => {
  pki = forgePki({ now: NOW });
  const source = forgeSource(pki, { manifestDigest: await manifestDigest(manifest) });
  const common = { source, manifest, nonce: fill(1), peerNonce: fill(2), key: fill(3) };
  receiver = await receiverEvidence({ ...common, randomBytes: (length) => new Uint8Array(length).fill(4) });
  const { nonce, manifestDigest: digest, manifestNumber, sandbox } = receiver.boot;
  giver = await giverEvidence({
    ...common,
    bootBinding: {
      type: 'vitrine/boot-binding/v1',
      manifestDigest: digest,
      manifestNumber,
      sandbox,
      nonce,
      tlsSpki: '1'.repeat(64),
      appRoot: {
        id: '2'.repeat(64),
        sources: [{ kind: 'test', boundTo: 'x', derivableBy: [], survivesUpgrade: true, sharedByReplicas: true }],
        copies: 'unbounded',
      },
    },
    statements: [],
    receiver: await documentDigest(receiver.handover),
  });
});

const common = () => ({ now: NOW, endorsements: [], simulatorAnchors: [simulatorAnchor(pki.rootPem)] });
const judge = (bundle: EvidenceBundle, role: 'giver' | 'receiver'): Promise<AttestationResult> =>
  verifyHandover(bundle, { role, ...common() });
const decided = ({ verdict, decidedBy }: AttestationResult): string => `${verdict} ${decidedBy ?? ''}`.trim();

promise('P7', 'each side’s evidence verifies as that side’s, and no better than simulated', async () => {
  expect(decided(await judge(receiver, 'receiver'))).toBe('simulated');
  expect(decided(await judge(giver, 'giver'))).toBe('simulated');
});

promise('P7', 'and not as the other’s', async () => {
  expect(decided(await judge(receiver, 'giver'))).toBe('rejected binding.report-data');
  expect(decided(await judge(giver, 'receiver'))).toBe('rejected binding.report-data');
});

promise('P2', 'evidence for another enclave is refused by whoever wants it for himself', async () => {
  for (const bundle of [receiver, giver]) {
    const options = {
      policy: { ...presets.default, workload: { ...presets.default.workload, reference: 'any' as const } },
    };
    const result = await verify({ kind: 'bundle', bundle }, { ...options, ...common() });
    expect(decided(result)).toBe('rejected binding.report-data');
    expect(result.claims?.tlsSpki).toBeUndefined();
    const failed = result.checks.filter(({ status }) => status === 'failed').map(({ id }) => id);
    expect(failed).toContain('channel.live');
    const channel = { nonce: toBase64Url(fill(1)), exporter: toBase64Url(fill(1)), leafSpki: giver.boot.tlsSpki };
    const live = await verify({ kind: 'bundle', bundle }, { ...options, ...common(), channel });
    expect(decided(live)).toBe('rejected binding.report-data');
  }
});

const changes: readonly [
  what: string,
  role: 'giver' | 'receiver',
  change: (good: HandoverEvidence) => EvidenceBundle,
  check: string,
][] = [
  [
    'another nonce',
    'receiver',
    (good) => ({ ...good, handover: { ...good.handover, nonce: toBase64Url(fill(9)) } }),
    'binding.report-data',
  ],
  [
    'another key',
    'giver',
    (good) => ({ ...good, handover: { ...good.handover, key: toBase64Url(fill(9)) } }),
    'binding.report-data',
  ],
  [
    'another receiver',
    'giver',
    (good) => ({ ...good, handover: { ...good.handover, receiver: '0'.repeat(96) } }),
    'binding.report-data',
  ],
  [
    'another boot',
    'giver',
    (good) => ({ ...good, boot: { ...good.boot, nonce: toBase64Url(fill(9)) } }),
    'binding.boot',
  ],
  ['no hand-over', 'giver', ({ handover, ...good }) => good, 'binding.report-data'],
];
for (const [what, role, change, check] of changes) {
  promise('P7', `${what} in the evidence of a ${role} fails ${check}`, async () => {
    expect(decided(await judge(change(role === 'giver' ? giver : receiver), role))).toBe(`rejected ${check}`);
  });
}

promise('P7', 'and genuine evidence for users is good for no hand-over', async () => {
  const source = forgeSource(pki, { manifestDigest: await manifestDigest(manifest) });
  const { boot } = giver;
  const channel = {
    type: 'vitrine/channel-binding/v1',
    nonce: toBase64Url(fill(1)),
    exporter: toBase64Url(fill(2)),
    role: 'server',
    leafSpki: boot.tlsSpki,
    bootBinding: await documentDigest(boot),
    state: { sequence: 1, digest: '3'.repeat(64) },
  } as const;
  const { handover: _, ...others } = giver;
  for (const about of [{}, { channel }]) {
    const bytes = await source.quote(await reportData('channel' in about ? about.channel : boot));
    const bundle: EvidenceBundle = { ...others, ...about, hardware: { technology: 'tdx', bytes } };
    for (const role of ['giver', 'receiver'] as const) {
      const result = await judge(bundle, role);
      expect(decided(result)).toBe('rejected binding.report-data');
      expect(result.checks.find(({ id }) => id === 'binding.boot')?.status).toBe('failed');
      expect(await ownClaims(bundle, { role, ...common() })).toBeUndefined();
    }
    expect(await ownClaims(bundle, common())).toBeDefined();
  }
});

promise('P7', 'a giver that does not name its root, or whom it gives it to, fails', async () => {
  const source = forgeSource(pki, { manifestDigest: await manifestDigest(manifest) });
  const { appRoot: _, ...rootless } = giver.boot;
  const { receiver: __, ...toNobody } = giver.handover;
  for (const [boot, named, verdict] of [
    [giver.boot, giver.handover, 'simulated'],
    [rootless, giver.handover, 'rejected binding.boot'],
    [giver.boot, toNobody, 'rejected binding.boot'],
  ] as const) {
    const handover = { ...named, bootBinding: await documentDigest(boot) };
    const bytes = await source.quote(await reportData(handover));
    const bundle = { ...giver, boot, handover, hardware: { technology: 'tdx', bytes } };
    expect(decided(await judge(bundle, 'giver'))).toBe(verdict);
  }
});

describe('a receiver’s boot', () => {
  /** With genuine evidence about it. */
  const booting = async (change: Partial<HandoverEvidence['boot']>): Promise<AttestationResult> => {
    const boot = { ...receiver.boot, ...change };
    const handover = { ...receiver.handover, bootBinding: await documentDigest(boot) };
    const source = forgeSource(pki, { manifestDigest: await manifestDigest(manifest) });
    const bytes = await source.quote(await reportData(handover));
    return judge({ ...receiver, boot, handover, hardware: { technology: 'tdx', bytes } }, 'receiver');
  };

  test('is good as it is', async () => {
    expect(decided(await booting({}))).toBe('simulated');
  });
  const roots = { id: '2'.repeat(64), sources: [], copies: 'unbounded' as const };
  for (const [what, change] of [
    ['another TLS key', { tlsSpki: '1'.repeat(64) }],
    ['a root', { appRoot: roots }],
    ['a key for secrets', { hpkeKey: toBase64Url(fill(1)) }],
    ['a key for receipts', { receiptKey: toBase64Url(fill(1)) }],
    ['statements of keys', { keyStatements: '1'.repeat(64) }],
  ] as const) {
    promise('P7', `with ${what} could be shown for something else, and fails`, async () => {
      expect(decided(await booting(change))).toBe('rejected binding.boot');
    });
  }
});

describe('own claims', () => {
  test('are those of authenticated evidence of the kind that is expected', async () => {
    expect((await ownClaims(receiver, { role: 'receiver', ...common() }))?.registers['mrtd']).toMatch(/^[0-9a-f]{96}$/);
    expect(await ownClaims(receiver, common())).toBeUndefined();
    expect(await ownClaims(receiver, { role: 'receiver', ...common(), simulatorAnchors: [] })).toBeUndefined();
  });
});

describe('launches', () => {
  const tdx: Claims = {
    technology: 'tdx',
    anchor: 'x',
    platform: {},
    reportData: '',
    registers: {
      mrtd: 'a1',
      rtmr0: 'b1',
      rtmr1: 'c1',
      rtmr2: 'd1',
      rtmr3: 'e1',
      mrconfigid: 'f1',
      mrowner: '00',
      mrownerconfig: '00',
    },
  };
  const other = (change: Readonly<Record<string, string>>): Claims => ({
    ...tdx,
    registers: { ...tdx.registers, ...change },
  });
  const named = (registers: Readonly<Record<string, string>>) => [{ technology: 'tdx' as const, registers }];

  test('are equal whatever the manifest is', () => {
    expect(launchDifference(other({ rtmr3: 'e2', mrconfigid: 'f2' }), tdx, undefined)).toBeUndefined();
  });
  for (const register of ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'mrowner', 'mrownerconfig']) {
    promise('P3', `differ by ${register} alone`, () => {
      expect(launchDifference(other({ [register]: '99' }), tdx, undefined)).toMatchObject({ register, actual: '99' });
    });
    promise('P3', `differ where there is no ${register}`, () => {
      const { [register]: gone, ...registers } = tdx.registers;
      expect(launchDifference({ ...tdx, registers }, tdx, undefined)?.register).toBe(register);
      expect(launchDifference(tdx, { ...tdx, registers }, undefined)?.register).toBe(register);
      expect(launchDifference({ ...tdx, registers }, { ...tdx, registers }, undefined)?.register).toBe(register);
    });
  }
  test('may be as one of those that are named', () => {
    const next = other({ mrtd: '77' });
    expect(launchDifference(next, tdx, named({ mrtd: '77' }))).toBeUndefined();
    expect(launchDifference(next, tdx, [...named({ mrtd: '55' }), ...named({ mrtd: '77' })])).toBeUndefined();
  });
  promise('P3', 'where some are named, the former is good no more', () => {
    expect(launchDifference(tdx, tdx, named({ mrtd: '77' }))?.register).toBe('mrtd');
  });
  promise('P3', 'a register that is not named has to be as before', () => {
    expect(launchDifference(other({ mrtd: '77', rtmr1: '66' }), tdx, named({ mrtd: '77' }))?.register).toBe('rtmr1');
    expect(launchDifference(other({ rtmr3: 'e9' }), tdx, named({ rtmr3: 'e1' }))?.register).toBe('rtmr3');
  });
  const snp: Claims = { ...tdx, technology: 'snp', registers: { measurement: 'aa', hostdata: 'bb' } };
  promise('P3', 'of another technology are good only where every register of it is named', () => {
    expect(launchDifference(snp, tdx, undefined)).toBeDefined();
    expect(launchDifference(snp, tdx, named({ mrtd: 'a1' }))?.register).toBe('technology');
    const entry = { technology: 'snp' as const, registers: { measurement: 'aa' } };
    expect(launchDifference(snp, tdx, [entry])).toBeUndefined();
    expect(launchDifference(tdx, snp, named({ mrtd: 'a1' }))?.register).toBe('rtmr0');
    const all = { mrtd: 'a1', rtmr0: 'b1', rtmr1: 'c1', rtmr2: 'd1' };
    expect(launchDifference(tdx, snp, named(all))).toBeUndefined();
    expect(launchDifference(other({ mrowner: '01' }), snp, named(all))?.register).toBe('mrowner');
  });
  const tpm: Claims = { ...tdx, technology: 'tpm', registers: { pcr4: 'aa', pcr11: 'bb', pcr14: 'cc', clock: '1' } };
  promise('P3', 'of a TPM are all registers but the one of the manifest', () => {
    const changed = (change: Readonly<Record<string, string>>) => ({
      ...tpm,
      registers: { ...tpm.registers, ...change },
    });
    expect(launchDifference(changed({ pcr14: '99', clock: '2' }), tpm, undefined)).toBeUndefined();
    expect(launchDifference(changed({ pcr4: '99' }), tpm, undefined)?.register).toBe('pcr4');
    expect(launchDifference(changed({ pcr9: '99' }), tpm, undefined)?.register).toBe('pcr9');
    expect(launchDifference(tpm, changed({ pcr9: '99' }), undefined)?.register).toBe('pcr9');
  });
});

describe('the floor of firmware', () => {
  promise('P7', 'of TDX is the number of the evaluation', async () => {
    const result = await judge(receiver, 'receiver');
    const claims = result.claims as Claims;
    const number = claims.tcbEvaluationDataNumber ?? 0;
    const below = (tcb: HandoverTerms['tcb'], of = claims) =>
      belowTcbFloor(receiver, of, tcb, { role: 'receiver', ...common() });
    expect(await below(undefined)).toBeUndefined();
    expect(await below({ tdxEvaluation: number })).toBeUndefined();
    expect(await below({ tdxEvaluation: number + 1 })).toMatchObject({ actual: `evaluation ${number}` });
    const { tcbEvaluationDataNumber, ...unknown } = claims;
    expect(await below({ tdxEvaluation: 1 }, unknown)).toMatchObject({ actual: 'evaluation unknown' });
  });

  promise.unless(missingVectors, 'P7', 'of SEV-SNP is each part of the version, on real evidence', async () => {
    const bundle: EvidenceBundle = {
      ...receiver,
      hardware: { technology: 'snp', bytes: readVector('snp/oak-genoa_oc.report.bin') },
    };
    const vcek = toBase64Url(readVector('snp/oak-genoa_oc.vcek.der'));
    const options = {
      role: 'receiver' as const,
      now: new Date('2025-09-06T00:00:00Z'),
      endorsements: endorsementsOf({ type: 'vitrine/endorsements/v1', certificates: [vcek] }, 'a test'),
      simulatorAnchors: [],
    };
    const { claims } = await verify({ kind: 'bundle', bundle }, { policy: presets['hardware-only'], ...options });
    if (claims === undefined) throw new Error('not authenticated');
    const parts = Object.fromEntries(
      (claims.tcbStatus ?? '').split(', ').map((part) => [part.split(' ')[0] ?? '', Number(part.split(' ')[1])]),
    ) as unknown as NonNullable<NonNullable<HandoverTerms['tcb']>['snp']>;
    expect(Object.keys(parts).toSorted()).toEqual(['bootloader', 'microcode', 'snp', 'tee']);
    expect(await belowTcbFloor(bundle, claims, { snp: parts }, options)).toBeUndefined();
    for (const part of ['bootloader', 'tee', 'snp', 'microcode'] as const) {
      const snp = { ...parts, [part]: parts[part] + 1 };
      expect(await belowTcbFloor(bundle, claims, { snp }, options)).toBeDefined();
    }
    expect(await belowTcbFloor(bundle, claims, { tdxEvaluation: 99 }, options)).toBeUndefined();
  });
});
