/**
 * What `verify` does around a technology: which one it asks, when it fetches endorsements, and what
 * of the outcome becomes the result. The technologies here are stand-ins, so that a vendor's root can
 * be behind evidence of a test's own making.
 *
 * @module
 */
import {
  type BootBinding,
  type ChannelBinding,
  digest,
  documentDigest,
  type EvidenceBundle,
  MalformedEvidenceError,
  type Manifest,
  type ReferenceValues,
  reportData,
  toHex,
  UsageError,
} from '@vitrine/documents';
import { beforeEach, describe, expect, vi } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { type Endorsement, endorsementsDocument } from './endorsement-file.ts';
import { presets } from './policy-file.ts';
import type { AttestationResult, Check } from './result.ts';
import type { HardwareOutcome, PlatformHint, Technology, TechnologyInputs } from './technology.ts';
import { extend, hashOf, makeCcel } from './testing/event-logs.ts';
import { type VerifyOptions, verify } from './verify.ts';

const TECHNOLOGIES: Technology[] = vi.hoisted(() => []);
vi.mock('./technologies.ts', () => ({ TECHNOLOGIES }));

const CERTIFICATE = { certificate: Uint8Array.of(1) } satisfies Endorsement;
const FETCHED = { certificate: Uint8Array.of(2) } satisfies Endorsement;
const HINT: PlatformHint = { technology: 'tdx', fmspc: '000000000000', ca: 'platform' };
const SEPARATOR = { index: 1, type: 4, data: new Uint8Array(4) };
const LOG = makeCcel([SEPARATOR]);
const REGISTERS = extend('sha384', 'rtmr', [[0, hashOf('sha384', SEPARATOR.data)]]);

const check = (id: string, status: Check['status']): Check => ({ id, status, message: `${id} is ${status}.` });
const GOOD: HardwareOutcome = {
  checks: [check('tdx.one', 'passed'), check('tdx.two', 'unavailable'), check('tdx.three', 'unavailable')],
  claims: { technology: 'tdx', anchor: 'root', platform: {}, registers: REGISTERS, reportData: '00'.repeat(64) },
  anchor: { name: 'root', simulator: false },
  simulatorMarker: false,
  unverified: { seen: 'somewhere' },
};
const COMPLETE: HardwareOutcome = { ...GOOD, checks: [check('tdx.one', 'passed'), check('tdx.two', 'passed')] };

/** What the technology was asked, and what it answers without and with endorsements that were fetched. */
let asked: TechnologyInputs[] = [];
let answers: { readonly without: HardwareOutcome; readonly fetched: HardwareOutcome };
let fetches: PlatformHint[] = [];

const tdx: Technology = {
  name: 'tdx',
  called: 'a quote of the one kind',
  recognises: (bytes) => bytes[0] === 1,
  verify: (_, inputs) => {
    asked.push(inputs);
    return Promise.resolve(
      inputs.endorsements.certificates.some(([first]) => first === 2) ? answers.fetched : answers.without,
    );
  },
  platform: () => Promise.resolve(HINT),
  needEndorsements: ['tdx.two', 'tdx.five'],
};
const tpm: Technology = {
  name: 'tpm',
  called: 'a quote of the other kind',
  recognises: (bytes) => bytes[0] === 2,
  verify: (_, inputs) => {
    asked.push(inputs);
    return Promise.resolve(answers.without);
  },
  needEndorsements: ['tdx.two'],
};

beforeEach(() => {
  asked = [];
  fetches = [];
  answers = { without: GOOD, fetched: COMPLETE };
  TECHNOLOGIES.splice(0, TECHNOLOGIES.length, tdx, tpm);
});

const OPTIONS: VerifyOptions = {
  policy: presets['hardware-only'],
  now: new Date('2026-06-15T12:00:00Z'),
  endorsements: [CERTIFICATE],
  simulatorAnchors: [],
  fetchEndorsements: (platform) => {
    fetches.push(platform);
    return Promise.resolve([FETCHED]);
  },
};
const raw = (first: number, changes: Partial<VerifyOptions> = {}): Promise<AttestationResult> =>
  verify({ kind: 'raw', bytes: Uint8Array.of(first, 2, 3) }, { ...OPTIONS, ...changes });

describe('endorsements', () => {
  promise('P7', 'that are missing are fetched for the machine and used beside those at hand', async () => {
    const result = await raw(1);
    expect(fetches).toEqual([HINT]);
    expect(asked.map(({ endorsements }) => endorsements.certificates.map(([first]) => first))).toEqual([[1], [1, 2]]);
    expect(result).toMatchObject({ verdict: 'verified', decidedBy: null });
    expect(result.digests.endorsements).not.toBe((await raw(1, { endorsements: [] })).digests.endorsements);
    expect(result.digests.endorsements).toMatch(/^[0-9a-f]{96}$/);
  });

  promise('P7', 'are judged as before when they cannot be had, with the reason at the first open check', async () => {
    for (const [problem, reason] of [
      [new Error('the service is down'), 'the service is down'],
      ['no answer', 'no answer'],
    ] as const) {
      const result = await raw(1, { fetchEndorsements: () => Promise.reject(problem as Error) });
      expect(result).toMatchObject({ verdict: 'undetermined', decidedBy: 'tdx.two' });
      expect(result.checks.slice(0, 3).map(({ message }) => message)).toEqual([
        'tdx.one is passed.',
        `tdx.two is unavailable. Fetching them failed: ${reason}`,
        'tdx.three is unavailable.',
      ]);
      expect(result.digests.endorsements).toBe((await raw(2)).digests.endorsements);
    }
  });

  const silent: readonly [what: string, first: number, outcome: HardwareOutcome][] = [
    ['nothing is missing', 1, COMPLETE],
    ['what is open is something else', 1, { ...GOOD, checks: [check('tdx.three', 'unavailable')] }],
    ['what needs them failed', 1, { ...GOOD, checks: [check('tdx.two', 'failed'), check('tdx.three', 'unavailable')] }],
    ['the root is a simulator', 1, { ...GOOD, anchor: { name: 'root', simulator: true } }],
    [
      'the chain leads to no root',
      1,
      { checks: [check('tdx.one', 'failed'), ...GOOD.checks.slice(1)], simulatorMarker: false, unverified: {} },
    ],
    ['the technology has none', 2, GOOD],
  ];
  for (const [what, first, outcome] of silent) {
    promise('P7', `are not fetched where ${what}`, async () => {
      answers = { without: outcome, fetched: COMPLETE };
      const result = await raw(first);
      expect(fetches).toEqual([]);
      expect(asked).toHaveLength(1);
      expect(result.checks.slice(0, outcome.checks.length)).toEqual(outcome.checks);
    });
  }

  promise('P7', 'are fetched, too, where what leads to a root is among them', async () => {
    answers = { without: { checks: GOOD.checks, simulatorMarker: false, unverified: {} }, fetched: COMPLETE };
    expect(await raw(1)).toMatchObject({ verdict: 'verified', decidedBy: null });
    expect(fetches).toEqual([HINT]);
  });

  promise('P7', 'are not fetched offline', async () => {
    const { fetchEndorsements: _, ...offline } = OPTIONS;
    const result = await verify({ kind: 'raw', bytes: Uint8Array.of(1) }, offline);
    expect(result).toMatchObject({ verdict: 'undetermined', decidedBy: 'tdx.two' });
    expect(result.checks[1]?.message).toBe('tdx.two is unavailable.');
  });
});

describe('the technology', () => {
  promise('P7', 'is the one that the bytes begin like, unless the caller names it', async () => {
    await raw(2, { tpm: { expectedNonce: Uint8Array.of(7) } });
    expect(asked[0]?.tpm).toEqual({ expectedNonce: Uint8Array.of(7) });
    await raw(1);
    expect(asked[1]?.tpm).toEqual({});
    await raw(3, { format: 'tpm' });
    expect(asked.at(-1)?.policy).toBe(OPTIONS.policy);
  });

  promise('P7', 'that is not known is refused with those that are', async () => {
    await expect(raw(9)).rejects.toThrow(MalformedEvidenceError);
    await expect(raw(9)).rejects.toThrow(/of a kind that this release knows: a quote of the one kind, a quote of the/);
    await expect(raw(1, { format: 'snp' })).rejects.toThrow(
      'unknown technology "snp"; this release verifies: tdx, tpm',
    );
  });
});

describe('the result', () => {
  promise('P7', 'has no claims where there is no root or nothing is authenticated', async () => {
    const { claims: _, ...open } = GOOD;
    const { anchor: __, ...rootless } = GOOD;
    for (const outcome of [open, rootless]) {
      answers = { without: outcome, fetched: outcome };
      const result = await raw(1);
      expect(result).not.toHaveProperty('claims');
      expect(result.unverified).toEqual({ seen: 'somewhere' });
      expect(result.checks.filter(({ id }) => /^(?:workload|binding|channel|provenance)/u.test(id))).toEqual(
        [
          'workload.reference',
          'workload.code',
          'workload.denied',
          'workload.manifest',
          'binding.report-data',
          'binding.boot',
          'binding.keys',
          'channel.live',
          'provenance.source',
        ].map((id) => expect.objectContaining({ id, status: 'unavailable' }) as unknown),
      );
    }
  });

  promise('P7', 'of a chain to a root that says it is a simulator is simulated, and never more', async () => {
    const { claims: _, anchor: __, ...open } = GOOD;
    const marked = { ...open, checks: [check('tdx.one', 'failed')], simulatorMarker: true };
    answers = { without: marked, fetched: marked };
    expect(await raw(1)).toMatchObject({ verdict: 'simulated', decidedBy: 'tdx.one' });
    answers = { without: { ...marked, simulatorMarker: false }, fetched: marked };
    expect(await raw(1)).toMatchObject({ verdict: 'rejected', decidedBy: 'tdx.one' });
  });

  promise('P3', 'has the events of a log that the registers confirm, and its digest', async () => {
    answers = { without: COMPLETE, fetched: COMPLETE };
    const result = await raw(1, { eventLog: LOG });
    expect(result.claims?.events).toHaveLength(1);
    expect(result.digests.eventLog).toBe(toHex(hashOf('sha384', LOG)));
    const none = await raw(1);
    expect(none.claims).not.toHaveProperty('events');
    expect(none.digests.eventLog).toBeNull();
  });

  promise('P2', 'of raw evidence is never about a connection', async () => {
    const channel = { nonce: 'A'.repeat(43), exporter: 'B'.repeat(43), leafSpki: 'c'.repeat(64) };
    await expect(raw(1, { channel })).rejects.toThrow(UsageError);
    expect(asked).toEqual([]);
  });
});

describe('a bundle', () => {
  const manifest: Manifest = {
    type: 'vitrine/manifest/v1',
    number: 1,
    name: 'demo',
    server: { source: { kind: 'command', command: 'python3' }, args: [], environment: {}, transport: 'stdio' },
    sandbox: 'none',
    runtime: { vitrine: '0.1.0', node: '24.21.0' },
  };
  const hardware = { technology: 'tdx', bytes: Uint8Array.of(9) };

  async function made(): Promise<
    Required<Omit<EvidenceBundle, 'endorsements' | 'keyStatements' | 'launch' | 'handover'>>
  > {
    const boot: BootBinding = {
      type: 'vitrine/boot-binding/v1',
      manifestDigest: await documentDigest(manifest),
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
    return { hardware, manifest, boot, channel, eventLog: LOG };
  }

  const judge = (bundle: EvidenceBundle, changes: Partial<VerifyOptions> = {}): Promise<AttestationResult> =>
    verify({ kind: 'bundle', bundle }, { ...OPTIONS, ...changes });
  /** From now on the hardware vouches for `data`. */
  const vouchFor = async (data: ChannelBinding | BootBinding): Promise<void> => {
    const claims = { ...GOOD.claims, reportData: toHex(await reportData(data)) } as HardwareOutcome['claims'] & object;
    answers = { without: { ...COMPLETE, claims }, fetched: COMPLETE };
  };
  const common = ({ checks }: AttestationResult): Readonly<Record<string, string>> =>
    Object.fromEntries(
      checks
        .filter(({ id }) => /^(?:binding|channel|provenance)|manifest/u.test(id))
        .map((one) => [one.id, one.status]),
    );

  promise('P2', 'that is bound to the connection is live, and claims its manifest', async () => {
    const bundle = await made();
    await vouchFor(bundle.channel);
    const { nonce, exporter, leafSpki } = bundle.channel;
    const result = await judge(bundle, { policy: presets.default, channel: { nonce, exporter, leafSpki } });
    expect(result.scope).toBe('live');
    expect(result.claims).toMatchObject({
      manifest,
      manifestDigest: bundle.boot.manifestDigest,
      tlsSpki: bundle.boot.tlsSpki,
    });
    expect(result.checks.slice(-9, -6).map(({ id, status }) => [id, status])).toEqual([
      ['workload.reference', 'unavailable'],
      ['workload.code', 'failed'],
      ['workload.denied', 'waived'],
    ]);
    expect(common(result)).toEqual({
      'workload.manifest': 'passed',
      'binding.report-data': 'passed',
      'binding.boot': 'passed',
      'binding.keys': 'passed',
      'channel.live': 'passed',
      'provenance.source': 'waived',
    });
    expect((await judge(bundle, { policy: presets.default })).scope).toBe('recorded');
  });

  promise('P7', 'is about the hardware alone only where code and reference values are both waived', async () => {
    const bundle = await made();
    await vouchFor(bundle.channel);
    const scope = async (workload: (typeof presets.default)['workload']): Promise<string> =>
      (await judge(bundle, { policy: { ...presets.default, workload } })).scope;
    expect(await scope({ code: 'any', reference: 'any', denied: 'any' })).toBe('hardware');
    expect(await scope({ code: 'any', reference: 'required', denied: 'any' })).toBe('recorded');
    expect(await scope({ code: 'required', reference: 'any', denied: 'any' })).toBe('recorded');
  });

  promise('P3', 'whose documents the hardware does not vouch for claims none of them', async () => {
    const bundle = await made();
    await vouchFor(bundle.boot);
    const result = await judge(bundle);
    expect(result).toMatchObject({ verdict: 'rejected', decidedBy: 'binding.report-data' });
    expect(result.claims).toBeDefined();
    expect(result.claims).not.toHaveProperty('manifest');
  });

  promise('P3', 'is judged by its own log, and digested with all that it says', async () => {
    const bundle = await made();
    await vouchFor(bundle.channel);
    const result = await judge(bundle, { eventLog: Uint8Array.of(0) });
    expect(result.claims?.events).toHaveLength(1);
    expect(result.digests.eventLog).toBe(toHex(hashOf('sha384', LOG)));
    const { boot, channel, ...rest } = bundle;
    const said = { hardware: toHex(hardware.bytes), manifest, boot, eventLog: toHex(LOG) };
    expect(result.digests.evidence).toBe(await documentDigest({ ...said, channel }));
    expect((await judge({ ...rest, boot })).digests.evidence).toBe(await documentDigest(said));
    expect((await raw(1)).digests.evidence).toBe(toHex(await digest('SHA-384', Uint8Array.of(1, 2, 3))));
  });

  promise('P4', 'claims how far its state has got, and no state where it says none', async () => {
    const bundle = await made();
    const appRoot = {
      id: 'cc'.repeat(32),
      sources: [{ kind: 'a', boundTo: 'a', derivableBy: [], survivesUpgrade: false, sharedByReplicas: false }],
      copies: 'unbounded',
    } as const;
    const state = { sequence: 7, digest: 'dd'.repeat(32) };
    const boot = { ...bundle.boot, appRoot };
    const channel = { ...bundle.channel, bootBinding: await documentDigest(boot), state };
    await vouchFor(channel);
    expect((await judge({ ...bundle, boot, channel })).claims?.state).toEqual(state);
    await vouchFor(bundle.channel);
    expect((await judge(bundle)).claims).not.toHaveProperty('state');
  });

  promise('P7', 'is judged with the endorsements that it carries and the reference values of the caller', async () => {
    const bundle = await made();
    await vouchFor(bundle.channel);
    const endorsements = endorsementsDocument([FETCHED]);
    if (endorsements === undefined) throw new Error('no endorsements');
    await judge({ ...bundle, endorsements });
    expect(asked.at(-1)?.endorsements.certificates).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    const referenceValues: ReferenceValues = { type: 'vitrine/reference-values/v1', release: '1', entries: [] };
    const { digests } = await judge(bundle, { referenceValues });
    expect(digests.referenceValues).toBe(await documentDigest(referenceValues));
    expect((await judge(bundle)).digests.referenceValues).toBeNull();
  });

  promise('P7', 'is what code needs: without one its bindings are open, and without a demand waived', async () => {
    answers = { without: COMPLETE, fetched: COMPLETE };
    const statuses = (binding: string, provenance: string) => ({
      'workload.manifest': binding,
      'binding.report-data': binding,
      'binding.boot': binding,
      'binding.keys': binding,
      'channel.live': 'waived',
      'provenance.source': provenance,
    });
    expect(common(await raw(1))).toEqual(statuses('waived', 'waived'));
    expect(common(await raw(1, { policy: presets.default }))).toEqual(statuses('unavailable', 'waived'));
    expect(common(await raw(1, { policy: presets.strict }))).toEqual(statuses('unavailable', 'unavailable'));
  });
});
