/**
 * Bundles with a launch document, from quote and event log to the verdict, under a simulator's root.
 */
import {
  type BootBinding,
  digest,
  documentDigest,
  type EvidenceBundle,
  type Manifest,
  type ReferenceEntry,
  reportData,
  toHex,
} from '@vitrine/documents';
import { carriedInitDataDigest, initDataDigest, renderAppCompose, renderInitData } from '@vitrine/documents/launch';
import { forgeCollateral, forgePki, forgeQuote } from '@vitrine/simulator/faults';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { presets } from '../policy-file.ts';
import type { AttestationResult } from '../result.ts';
import { type DstackEvent, dstackEvent, dstackRegisters, jsonBytes } from '../testing/event-logs.ts';
import { anchorOf, NOW } from '../testing/forged.ts';
import { type VerifyOptions, verify } from '../verify.ts';

const PKI = forgePki({ now: NOW });
const COLLATERAL = forgeCollateral(PKI);
const IMAGE = `ghcr.io/example/vitrine@sha256:${'ab'.repeat(32)}`;
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
const compose = (environment: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> =>
  renderAppCompose({
    name: 'demo',
    settings: {},
    compose: {
      services: { vitrine: { image: IMAGE, environment, volumes: ['/var/run/dstack.sock:/var/run/dstack.sock'] } },
    },
  });
const COMPOSE = compose({ VITRINE_MANIFEST_DIGEST: D });
const sha256 = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> => toHex(await digest('SHA-256', bytes));
const COMPOSE_HASH = await sha256(COMPOSE);
const INIT = renderInitData({
  algorithm: 'sha384',
  manifest,
  policy: { images: [{ image: IMAGE, command: ['/vitrine'], directory: '/', environment: [] }] },
});

const events = (hash: string, instance = '01'): readonly DstackEvent[] => [
  dstackEvent('app-id', hash.slice(0, 40)),
  dstackEvent('compose-hash', hash),
  dstackEvent('instance-id', instance),
  dstackEvent('system-ready'),
];

interface Case {
  readonly log?: readonly DstackEvent[];
  readonly mrconfigid?: string;
  readonly launch?: EvidenceBundle['launch'];
  readonly bundle?: Partial<EvidenceBundle>;
  readonly entry?: Partial<ReferenceEntry>;
  readonly options?: Partial<VerifyOptions>;
}

async function judge(given: Case): Promise<AttestationResult> {
  const rtmrs = dstackRegisters(given.log ?? []);
  const register = (index: number): Uint8Array<ArrayBuffer> =>
    Uint8Array.from(Buffer.from(rtmrs[`rtmr${index}`] ?? '', 'hex'));
  const hardware = forgeQuote(PKI, {
    reportData: await reportData(boot),
    body: (good) => ({
      ...good,
      rtmr0: register(0),
      rtmr1: register(1),
      rtmr2: register(2),
      rtmr3: register(3),
      ...(given.mrconfigid === undefined ? {} : { mrConfigId: Uint8Array.from(Buffer.from(given.mrconfigid, 'hex')) }),
    }),
  });
  const bundle: EvidenceBundle = {
    hardware: { technology: 'tdx', bytes: hardware },
    manifest,
    boot,
    ...(given.log === undefined ? {} : { eventLog: jsonBytes(given.log) }),
    ...(given.launch === undefined ? {} : { launch: given.launch }),
    ...given.bundle,
  };
  const options: VerifyOptions = {
    policy: presets.default,
    now: NOW,
    endorsements: [COLLATERAL],
    simulatorAnchors: [anchorOf(PKI)],
    ...given.options,
  };
  const { claims } = await verify({ kind: 'bundle', bundle }, options);
  const { mrtd = '', rtmr0 = '', rtmr1 = '', rtmr2 = '' } = claims?.registers ?? {};
  return verify(
    { kind: 'bundle', bundle },
    {
      ...options,
      referenceValues: {
        type: 'vitrine/reference-values/v1',
        release: '1',
        entries: [
          {
            technology: 'tdx',
            registers: { mrtd, rtmr0, rtmr1, rtmr2 },
            shape: 'a',
            computedBy: 'somebody',
            manifestDigest: D,
            launch: COMPOSE_HASH,
            ...given.entry,
          } as ReferenceEntry,
        ],
      },
    },
  );
}

const bad = ({ checks }: AttestationResult): readonly string[] =>
  checks.filter(({ status }) => status === 'failed' || status === 'unavailable').map(({ id }) => id);
const APP_COMPOSE = { kind: 'app-compose', bytes: COMPOSE } as const;

describe('a bundle of dstack', () => {
  promise('P3', 'is explained by its app-compose, whatever instance it is', async () => {
    for (const instance of ['01', '02']) {
      for (const mrconfigid of ['00'.repeat(48), `01${COMPOSE_HASH}${'00'.repeat(15)}`]) {
        const result = await judge({ log: events(COMPOSE_HASH, instance), launch: APP_COMPOSE, mrconfigid });
        expect(bad(result)).toEqual([]);
        expect(result).toMatchObject({
          verdict: 'simulated',
          claims: { launch: { kind: 'app-compose', digest: COMPOSE_HASH, images: [IMAGE] } },
        });
      }
    }
  });

  promise('P3', 'has its app-compose, its log and its kind in the digest of the evidence', async () => {
    const log = events(COMPOSE_HASH);
    const digests = new Set<string>();
    for (const given of [
      { log, launch: APP_COMPOSE },
      { log },
      { log, launch: { ...APP_COMPOSE, kind: 'other' } },
      { log, launch: { ...APP_COMPOSE, bytes: Uint8Array.of(1) } },
      { log, launch: APP_COMPOSE, bundle: { eventLog: jsonBytes([...log, dstackEvent('more')]) } },
    ]) {
      digests.add((await judge(given)).digests.evidence);
    }
    expect(digests.size).toBe(5);
  });

  const CASES: readonly (readonly [string, () => Case | Promise<Case>, readonly string[]])[] = [
    ['no app-compose', () => ({ log: events(COMPOSE_HASH) }), ['workload.reference', 'workload.code']],
    [
      'another app-compose',
      () => ({ log: events('dd'.repeat(32)), launch: APP_COMPOSE }),
      ['workload.reference', 'workload.code'],
    ],
    [
      'an app-compose of another release',
      async () => {
        const bytes = compose({ VITRINE_MANIFEST_DIGEST: D, VITRINE_OTHER: '1' });
        return { log: events(await sha256(bytes)), launch: { kind: 'app-compose', bytes } };
      },
      ['workload.reference'],
    ],
    [
      'an app-compose with another manifest',
      async () => {
        const bytes = compose({ VITRINE_MANIFEST_DIGEST: 'ee'.repeat(48) });
        const launch = await sha256(bytes);
        return {
          log: events(launch),
          launch: { kind: 'app-compose', bytes },
          entry: { launch } as Partial<ReferenceEntry>,
        };
      },
      ['workload.code'],
    ],
    [
      'an unknown kind',
      () => ({ log: events(COMPOSE_HASH), launch: { ...APP_COMPOSE, kind: 'compose' } }),
      ['workload.reference', 'workload.code'],
    ],
    [
      'a log that does not replay',
      () => ({
        log: events(COMPOSE_HASH),
        launch: APP_COMPOSE,
        bundle: { eventLog: jsonBytes(events(COMPOSE_HASH, '07')) },
      }),
      [
        'eventlog.replay',
        'eventlog.payloads',
        'eventlog.order',
        'eventlog.secure-boot',
        'eventlog.content',
        'workload.reference',
        'workload.code',
      ],
    ],
    [
      'MRCONFIGID of another app-compose',
      () => ({ log: events(COMPOSE_HASH), launch: APP_COMPOSE, mrconfigid: `01${'dd'.repeat(32)}${'00'.repeat(15)}` }),
      ['workload.reference'],
    ],
  ];
  for (const [what, given, ids] of CASES) {
    promise('P3', `is rejected with ${what}`, async () => {
      const result = await judge(await given());
      expect(bad(result)).toEqual(ids);
      expect(result.verdict).toBe('rejected');
    });
  }

  promise('P3', 'is rejected where the hardware alone is asked for and the app-compose is not its own', async () => {
    const options = { policy: presets['hardware-only'] };
    expect(bad(await judge({ log: events(COMPOSE_HASH), launch: APP_COMPOSE, options }))).toEqual([]);
    expect(bad(await judge({ log: events('dd'.repeat(32)), launch: APP_COMPOSE, options }))).toEqual(['workload.code']);
  });
});

describe('a bundle of Confidential Containers', () => {
  const launch = { kind: 'init-data', bytes: INIT } as const;

  promise('P3', 'is explained by its init-data in MRCONFIGID', async () => {
    const mrconfigid = toHex(carriedInitDataDigest(await initDataDigest(INIT), 48));
    const entry = { launch: await sha256(INIT) } as Partial<ReferenceEntry>;
    const result = await judge({ launch, mrconfigid, entry });
    // The reference values leave RTMR3 out, which nothing but an app-compose explains.
    expect(bad(result)).toEqual(['workload.reference']);
    expect(result.checks.find(({ id }) => id === 'workload.code')).toMatchObject({
      status: 'passed',
      anchor: 'simulator',
    });
    expect(result.claims?.launch).toEqual({ kind: 'init-data', digest: await sha256(INIT), images: [IMAGE] });
    const other = await judge({
      launch,
      mrconfigid: `${mrconfigid.slice(0, -2)}${mrconfigid.endsWith('00') ? '01' : '00'}`,
      entry,
    });
    expect(bad(other)).toEqual(['workload.reference', 'workload.code']);
    expect(other.claims).not.toHaveProperty('launch');
  });
});
