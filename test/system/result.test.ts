/**
 * What stands in a result besides verdict and checks of the hardware: scope, claims, digests, and
 * the checks that are common to all technologies.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { documentDigest, type EvidenceBundle, parseEvidenceBundle, toHex, UsageError } from '@vitrine/documents';
import { type AttestationResult, type Check, presets, type VerifyOptions, verify } from '@vitrine/verifier';
import { describe, expect } from 'vitest';
import { promise } from '../promises.ts';
import { missingVectors } from '../vectors.ts';
import { bundleCases } from './bundle-cases.ts';
import { realCases } from './cases.ts';
import { bytesOf, type Case, optionsOf } from './judge.ts';
import { tdxCases } from './tdx-cases.ts';

/** What a bare command runs is measured by nobody, which a simulator may leave at that. */
const COMMAND = { 'workload.code': 'waived' } as const;
const COMMON = /^(?:workload|binding|channel|provenance)\./;
const tdx = tdxCases();
const bundles = await bundleCases();

function named(cases: readonly Case[], name: string): Case {
  const found = cases.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no case ${name}`);
  return found;
}

function bundleOf(one: Case): EvidenceBundle {
  return parseEvidenceBundle(new TextDecoder().decode(bytesOf(one.evidence)));
}

function channelOf(bundle: EvidenceBundle): Pick<Required<VerifyOptions>, 'channel'> {
  if (bundle.channel === undefined) throw new Error('the bundle is not about a connection');
  const { nonce, exporter, leafSpki } = bundle.channel;
  return { channel: { nonce, exporter, leafSpki } };
}

/** Status of each check that is common to all technologies. */
function common({ checks }: AttestationResult): Readonly<Record<string, Check['status']>> {
  return Object.fromEntries(checks.filter(({ id }) => COMMON.test(id)).map(({ id, status }) => [id, status]));
}

const all = (status: Check['status'], other: Readonly<Record<string, Check['status']>> = {}) => ({
  'workload.reference': status,
  'workload.code': status,
  'workload.denied': status === 'passed' ? 'waived' : status,
  'workload.manifest': status,
  'binding.report-data': status,
  'binding.boot': status,
  'binding.keys': status,
  'channel.live': status,
  'provenance.source': status,
  ...other,
});

describe('raw evidence', () => {
  const good = named(tdx, 'TDX: good');
  const evidence = { kind: 'raw', bytes: bytesOf(good.evidence) } as const;

  promise('P7', 'for the hardware alone: the workload is waived, and nothing is claimed about it', async () => {
    const result = await verify(evidence, optionsOf(good));
    expect(result.scope).toBe('hardware');
    expect(common(result)).toEqual(all('waived'));
    expect(Object.keys(result.claims ?? {})).not.toContain('manifest');
    expect(result.unverified).toEqual({});
  });

  promise('P7', 'for code that is required: what it cannot show is unavailable, and says so', async () => {
    const result = await verify(evidence, { ...optionsOf(good), policy: presets.strict });
    expect(result.scope).toBe('recorded');
    expect(common(result)).toMatchObject({
      'workload.manifest': 'unavailable',
      'binding.report-data': 'unavailable',
      'binding.boot': 'unavailable',
      'binding.keys': 'unavailable',
      'channel.live': 'waived',
      'provenance.source': presets.strict.provenance === 'any' ? 'waived' : 'unavailable',
    });
    for (const check of result.checks) expect(check.message.length).toBeGreaterThan(0);
  });

  for (const workload of [
    { code: 'any', reference: 'required' },
    { code: 'required', reference: 'any' },
  ] as const) {
    promise(
      'P7',
      `with code ${workload.code} and reference ${workload.reference} it is more than hardware`,
      async () => {
        const { scope } = await verify(evidence, {
          ...optionsOf(good),
          policy: { ...presets['hardware-only'], workload: { ...presets['hardware-only'].workload, ...workload } },
        });
        expect(scope).toBe('recorded');
      },
    );
  }

  promise('P7', 'a signed statement of the source that is demanded cannot be checked', async () => {
    const policy = { ...presets['hardware-only'], provenance: 'required' } as const;
    const result = await verify(evidence, { ...optionsOf(good), policy });
    expect(result).toMatchObject({ verdict: 'undetermined', decidedBy: 'provenance.source' });
  });

  promise('P7', 'is digested as it came, with the endorsements and without reference values', async () => {
    const { digests } = await verify(evidence, optionsOf(good));
    expect(digests.evidence).toBe(createHash('sha384').update(evidence.bytes).digest('hex'));
    expect(digests.policy).toBe(await documentDigest(presets['hardware-only']));
    expect(digests.endorsements).toMatch(/^[0-9a-f]{96}$/);
    expect(digests.referenceValues).toBeNull();
    const none = await verify(evidence, { ...optionsOf(good), endorsements: [] });
    expect(none.digests.endorsements).toBeNull();
  });

  promise('P2', 'cannot be bound to a connection', async () => {
    const channel = channelOf(bundleOf(named(bundles, 'bundle: good')));
    await expect(verify(evidence, { ...optionsOf(good), ...channel })).rejects.toThrow(UsageError);
  });

  promise('P7', 'that nobody vouches for claims nothing: its statements are listed as unverified', async () => {
    const result = await verify(evidence, { ...optionsOf(good), simulatorAnchors: [] });
    expect(Object.keys(result)).not.toContain('claims');
    expect(common(result)).toEqual(all('unavailable'));
    expect(Object.keys(result.unverified)).toContain('mrtd');
  });
});

describe('a bundle', () => {
  const good = named(bundles, 'bundle: good');
  const bundle = bundleOf(good);
  const evidence = { kind: 'bundle', bundle } as const;

  promise('P2', 'on its own connection: everything is bound, and the manifest is claimed', async () => {
    const result = await verify(evidence, { ...optionsOf(good), ...channelOf(bundle) });
    expect(result).toMatchObject({ verdict: 'simulated', decidedBy: null, scope: 'live' });
    expect(common(result)).toEqual(all('passed', { ...COMMAND, 'provenance.source': 'waived' }));
    expect(result.claims).toMatchObject({
      manifest: bundle.manifest,
      manifestDigest: bundle.boot.manifestDigest,
      tlsSpki: bundle.boot.tlsSpki,
    });
  });

  promise('P2', 'from a file waives the connection and keeps what is bound', async () => {
    const result = await verify(evidence, optionsOf(good));
    expect(result.scope).toBe('recorded');
    expect(common(result)).toEqual(
      all('passed', { ...COMMAND, 'provenance.source': 'waived', 'channel.live': 'waived' }),
    );
    expect(result.claims).toMatchObject({ manifest: bundle.manifest });
  });

  promise('P2', 'on another connection is rejected, and its manifest is not claimed', async () => {
    const { channel } = channelOf(bundle);
    const result = await verify(evidence, { ...optionsOf(good), channel: { ...channel, exporter: channel.nonce } });
    expect(result).toMatchObject({ verdict: 'rejected', decidedBy: 'channel.live' });
    expect(Object.keys(result.claims ?? {})).not.toContain('manifest');
  });

  promise('P3', 'whose documents are not those of the hardware evidence is rejected', async () => {
    const changed = { ...bundle, manifest: { ...bundle.manifest, name: 'other' } };
    const result = await verify({ kind: 'bundle', bundle: changed }, optionsOf(good));
    expect(result).toMatchObject({ verdict: 'rejected', decidedBy: 'workload.manifest' });
    expect(Object.keys(result.claims ?? {})).not.toContain('manifest');
  });

  promise('P7', 'is verified with the endorsements that it carries', async () => {
    const result = await verify(evidence, { ...optionsOf(good), endorsements: [] });
    expect(result).toMatchObject({ verdict: 'simulated', decidedBy: null });
    expect(result.digests.endorsements).toMatch(/^[0-9a-f]{96}$/);
  });

  promise('P7', 'is digested by what it says, whichever endorsements come along', async () => {
    const digestOf = async (one: EvidenceBundle): Promise<string> =>
      (await verify({ kind: 'bundle', bundle: one }, optionsOf(good))).digests.evidence;
    const { endorsements, channel, ...bare } = bundle;
    const reference = await digestOf(bundle);
    expect(reference).toBe(
      await documentDigest({
        hardware: toHex(bundle.hardware.bytes),
        manifest: bundle.manifest,
        boot: bundle.boot,
        channel: channel ?? null,
      }),
    );
    expect(endorsements).toBeDefined();
    expect(await digestOf({ ...bare, ...(channel === undefined ? {} : { channel }) })).toBe(reference);
    expect(await digestOf({ ...bundle, ...bare, boot: { ...bundle.boot, nonce: 'A'.repeat(43) } })).not.toBe(reference);
    expect(await digestOf(bare)).not.toBe(reference);
  });

  promise('P7', 'is judged by reference values that the result names', async () => {
    const { digests } = await verify(evidence, optionsOf(good));
    expect(digests.referenceValues).toBe(await documentDigest(good.referenceValues ?? {}));
  });
});

describe('endorsements that are missing', () => {
  const real = realCases().find(({ expected, name }) => expected === 'verified' && name.startsWith('tdx/'));

  promise.unless(
    missingVectors,
    'P7',
    'are fetched for the machine, once, and only where they are missing',
    async () => {
      if (real === undefined) throw new Error('no real evidence that verifies');
      const evidence = { kind: 'raw', bytes: bytesOf(real.evidence) } as const;
      const options = optionsOf(real);
      const asked: unknown[] = [];
      const fetchEndorsements: Required<VerifyOptions>['fetchEndorsements'] = async (platform) => {
        asked.push(platform);
        return options.endorsements;
      };
      expect(await verify(evidence, { ...options, fetchEndorsements })).toMatchObject({ verdict: 'verified' });
      expect(asked).toEqual([]);
      const fetched = await verify(evidence, { ...options, endorsements: [], fetchEndorsements });
      expect(fetched).toEqual(await verify(evidence, options));
      expect(asked).toEqual([expect.objectContaining({ technology: 'tdx' })]);
    },
  );

  promise.unless(missingVectors, 'P7', 'and cannot be fetched leave it undetermined, with the reason', async () => {
    if (real === undefined) throw new Error('no real evidence that verifies');
    const evidence = { kind: 'raw', bytes: bytesOf(real.evidence) } as const;
    const offline = await verify(evidence, { ...optionsOf(real), endorsements: [] });
    const failed = await verify(evidence, {
      ...optionsOf(real),
      endorsements: [],
      fetchEndorsements: () => Promise.reject(new Error('the service is down')),
    });
    expect(failed).toMatchObject({ verdict: 'undetermined', decidedBy: offline.decidedBy });
    const told = failed.checks.filter(({ message }) => message.includes('the service is down')).map(({ id }) => id);
    expect(told).toEqual([offline.checks.find(({ status }) => status === 'unavailable')?.id]);
    expect(failed.digests.endorsements).toBeNull();
  });
});
