import {
  type BootBinding,
  type Endorsements,
  formatEvidenceBundle,
  type KeyStatement,
  keyStatementRoot,
  type Manifest,
  manifestDigest,
  parseEvidenceBundle,
  reportData,
  toBase64Url,
  toHex,
  UsageError,
  VitrineError,
} from '@vitrine/documents';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { type AttestedKeys, createEvidenceService, type EvidenceServiceOptions } from './evidence-service.ts';
import type { QuoteSource } from './quote-source.ts';

const manifest: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 3,
  name: 'example',
  server: {
    source: { kind: 'command', command: 'example-server' },
    args: ['--quiet'],
    environment: { MODE: 'test' },
    transport: 'stdio',
  },
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.0.0' },
};
const endorsements: Endorsements = { type: 'vitrine/endorsements/v1', dcap: [] };
const tlsSpki = new Uint8Array(32).fill(7);
const request = { nonce: new Uint8Array(32).fill(1), exporter: new Uint8Array(32).fill(2), leafSpki: tlsSpki };

/** A source whose evidence is the report data itself, so that a test sees what was quoted. */
function recordingSource(): QuoteSource & { readonly quoted: Uint8Array[] } {
  const quoted: Uint8Array[] = [];
  return {
    technology: 'tdx',
    quoted,
    quote: async (bytes) => {
      quoted.push(bytes);
      return bytes;
    },
    endorsements: async () => undefined,
  };
}

function options(changes: Partial<EvidenceServiceOptions> = {}): EvidenceServiceOptions {
  return {
    source: recordingSource(),
    manifest,
    tlsSpki,
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    randomBytes: (length) => new Uint8Array(length).fill(9),
    ...changes,
  };
}

describe('boot', () => {
  promise('P3', 'boot evidence commits to manifest, TLS key, sandbox and a nonce of this boot', async () => {
    const source = recordingSource();
    const service = await createEvidenceService(options({ source }));
    expect(service.bootBinding).toEqual({
      type: 'vitrine/boot-binding/v1',
      manifestDigest: await manifestDigest(manifest),
      manifestNumber: 3,
      tlsSpki: toHex(tlsSpki),
      sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
      nonce: toBase64Url(new Uint8Array(32).fill(9)),
    });
    const bundle = await service.boot();
    expect(source.quoted).toEqual([await reportData(service.bootBinding)]);
    expect(bundle.channel).toBeUndefined();
    expect(bundle.endorsements).toBeUndefined();
    expect(parseEvidenceBundle(formatEvidenceBundle(bundle))).toEqual(bundle);
  });

  promise('P3', 'the manifest that was bound cannot be changed afterwards', async () => {
    const mine = structuredClone(manifest) as { number: number } & Manifest;
    const service = await createEvidenceService(options({ manifest: mine }));
    mine.number = 99;
    const bundle = await service.boot();
    expect(bundle.manifest).toEqual(manifest);
    expect(Object.isFrozen(bundle.manifest.server.args)).toBe(true);
    expect(Object.isFrozen(service.bootBinding)).toBe(true);
  });

  test('sends along the endorsements that the source has', async () => {
    const source = { ...recordingSource(), endorsements: async () => endorsements };
    const service = await createEvidenceService(options({ source }));
    expect((await service.boot()).endorsements).toBe(endorsements);
  });

  test.each([
    ['a TLS key digest that is too short', { tlsSpki: new Uint8Array(31) }],
    ['a TLS key digest that is too long', { tlsSpki: new Uint8Array(33) }],
    ['randomness of the wrong length', { randomBytes: () => new Uint8Array(16) }],
  ])('refuses %s', async (_name, changes) => {
    await expect(createEvidenceService(options(changes))).rejects.toMatchObject({ code: 'attester.length' });
  });

  test('empty evidence is an error, not an empty bundle', async () => {
    const source = { ...recordingSource(), quote: async () => new Uint8Array() };
    const service = await createEvidenceService(options({ source }));
    await expect(service.boot()).rejects.toBeInstanceOf(VitrineError);
  });
});

describe('channel', () => {
  promise('P2', 'channel evidence is bound to nonce, exporter, leaf key and boot', async () => {
    const source = recordingSource();
    const service = await createEvidenceService(options({ source }));
    const bundle = await service.channel(request);
    expect(bundle.channel).toMatchObject({
      nonce: toBase64Url(request.nonce),
      exporter: toBase64Url(request.exporter),
      role: 'server',
      leafSpki: service.bootBinding.tlsSpki,
    });
    if (bundle.channel === undefined) throw new Error('no channel binding');
    expect(source.quoted).toEqual([await reportData(bundle.channel)]);
    expect(parseEvidenceBundle(formatEvidenceBundle(bundle))).toEqual(bundle);
  });

  promise('P2', 'changing any one member of a request changes the report data', async () => {
    const source = recordingSource();
    const service = await createEvidenceService(options({ source }));
    const other = new Uint8Array(32).fill(3);
    await service.channel(request);
    await service.channel({ ...request, nonce: other });
    await service.channel({ ...request, exporter: other });
    await service.channel({ ...request, nonce: request.exporter, exporter: request.nonce });
    await service.boot();
    const rebooted = await createEvidenceService(options({ source, randomBytes: (length) => new Uint8Array(length) }));
    await rebooted.channel(request);
    expect(new Set(source.quoted.map(toHex)).size).toBe(6);
  });

  promise('P2', 'nobody gets evidence for a foreign key', async () => {
    const source = recordingSource();
    const service = await createEvidenceService(options({ source }));
    const leafSpki = Uint8Array.from(tlsSpki);
    leafSpki[31] = 8;
    await expect(service.channel({ ...request, leafSpki })).rejects.toMatchObject({ code: 'attester.foreign-key' });
    expect(source.quoted).toEqual([]);
  });

  test.each(['nonce', 'exporter', 'leafSpki'] as const)('refuses a %s of another length', async (member) => {
    const source = recordingSource();
    const service = await createEvidenceService(options({ source }));
    for (const length of [0, 31, 33, 64]) {
      const refused = service.channel({ ...request, [member]: new Uint8Array(length).fill(7) });
      await expect(refused).rejects.toBeInstanceOf(UsageError);
      await expect(refused).rejects.toThrow(`${member} must be exactly 32 bytes, found ${length}`);
    }
    expect(source.quoted).toEqual([]);
  });

  promise('P3', 'no caller can have bytes of its own choice quoted', async () => {
    const source = recordingSource();
    const service = await createEvidenceService(options({ source }));
    expect(Object.keys(service).toSorted()).toEqual(['boot', 'bootBinding', 'channel']);
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
    await fc.assert(
      fc.asyncProperty(bytes, bytes, async (nonce, exporter) => {
        const before = source.quoted.length;
        await service.channel({ nonce, exporter, leafSpki: tlsSpki });
        const quoted = toHex(source.quoted[before] ?? new Uint8Array());
        expect(quoted.length).toBe(128);
        expect(quoted).not.toContain(toHex(nonce));
        expect(quoted).not.toContain(toHex(exporter));
      }),
      { numRuns: 50 },
    );
  });
});

const withKeys: Manifest = {
  ...manifest,
  keys: {
    treasury: {
      origin: 'generated',
      algorithm: 'ed25519',
      version: 1,
      policy: { rules: [{ id: 'all', effect: 'allow', action: 'sign', contexts: ['example'] }] },
    },
  },
};

function statement(changes: Partial<KeyStatement> = {}): KeyStatement {
  return {
    type: 'vitrine/key-statement/v1',
    name: 'treasury',
    algorithm: 'ed25519',
    version: 1,
    state: 'active',
    publicKey: '11'.repeat(32),
    origin: 'generated',
    exportable: false,
    scope: 'instance',
    policy: '22'.repeat(48),
    ...changes,
  };
}

const appRoot: NonNullable<BootBinding['appRoot']> = {
  id: '33'.repeat(32),
  sources: [
    { kind: 'simulator', boundTo: 'a file', derivableBy: ['whoever'], survivesUpgrade: true, sharedByReplicas: false },
  ],
  copies: 'unbounded',
};
const state: NonNullable<EvidenceServiceOptions['state']> = async () => ({ sequence: 7, digest: '44'.repeat(32) });

describe('keys', () => {
  const keys = {
    hpkeKey: new Uint8Array(32).fill(4),
    receiptKey: new Uint8Array(32).fill(5),
    statements: [statement(), statement({ version: 2 })],
    appRoot,
  };

  promise('P4', 'the boot binding commits to every key statement, the root and the keys of the boot', async () => {
    const service = await createEvidenceService(options({ manifest: withKeys, keys, state }));
    expect(service.bootBinding).toMatchObject({
      hpkeKey: toBase64Url(keys.hpkeKey),
      receiptKey: toBase64Url(keys.receiptKey),
      keyStatements: await keyStatementRoot(keys.statements),
      appRoot,
    });
    const bundle = await service.boot();
    expect(bundle.keyStatements).toEqual({ type: 'vitrine/key-statements/v1', statements: keys.statements });
    expect((await service.channel(request)).keyStatements).toEqual(bundle.keyStatements);
    expect(parseEvidenceBundle(formatEvidenceBundle(bundle))).toEqual(bundle);
    expect(Object.isFrozen(service.bootBinding.appRoot?.sources)).toBe(true);
  });

  promise('P4', 'changing any one member of what is said of keys changes the report data', async () => {
    const source = recordingSource();
    const variants: readonly AttestedKeys[] = [
      keys,
      { ...keys, hpkeKey: keys.receiptKey },
      { ...keys, receiptKey: keys.hpkeKey },
      { ...keys, statements: [statement({ exportable: true }), statement({ version: 2 })] },
      { ...keys, statements: [statement()] },
      { ...keys, appRoot: { ...appRoot, id: '34'.repeat(32) } },
      { statements: keys.statements },
    ];
    for (const variant of variants) {
      const more = variant.appRoot === undefined ? {} : { state };
      await (await createEvidenceService(options({ source, manifest: withKeys, keys: variant, ...more }))).boot();
    }
    expect(new Set(source.quoted.map(toHex)).size).toBe(variants.length);
  });

  test.each<[string, Manifest, AttestedKeys, string]>([
    ['an HPKE key of another length', withKeys, { ...keys, hpkeKey: new Uint8Array(31) }, 'attester.length'],
    ['a receipt key of another length', withKeys, { ...keys, receiptKey: new Uint8Array(33) }, 'attester.length'],
    ['statements that are missing', withKeys, {}, 'attester.key-statements'],
    ['an empty list for a manifest with keys', withKeys, { statements: [] }, 'attester.key-statements'],
    ['statements about no key of the manifest', manifest, { statements: [statement()] }, 'attester.key-statements'],
    [
      'a statement about one more key',
      withKeys,
      { statements: [statement({ name: 'other' }), statement()] },
      'attester.key-statements',
    ],
    [
      'statements out of order',
      withKeys,
      { statements: [statement({ version: 2 }), statement()] },
      'attester.key-statements',
    ],
    ['one statement twice', withKeys, { statements: [statement(), statement()] }, 'attester.key-statements'],
  ])('refuses %s', async (_name, named, given, code) => {
    const more = given.appRoot === undefined ? {} : { state };
    const made = createEvidenceService(options({ manifest: named, keys: given, ...more }));
    await expect(made).rejects.toMatchObject({ code });
  });

  promise('P1', 'a channel says how far the state has got when it is made, and boot evidence does not', async () => {
    let sequence = 0;
    const source = recordingSource();
    const service = await createEvidenceService(
      options({
        source,
        manifest: withKeys,
        keys,
        state: async () => ({ sequence: ++sequence, digest: '44'.repeat(32) }),
      }),
    );
    expect((await service.boot()).channel).toBeUndefined();
    const bundles = [await service.channel(request), await service.channel(request)];
    expect(bundles.map(({ channel }) => channel?.state)).toEqual([
      { sequence: 1, digest: '44'.repeat(32) },
      { sequence: 2, digest: '44'.repeat(32) },
    ]);
    expect(new Set(source.quoted.map(toHex)).size).toBe(3);
  });

  promise('P1', 'a state that cannot be told, or is malformed, is no channel', async () => {
    for (const wrong of [
      async () => ({ sequence: -1, digest: '44'.repeat(32) }),
      async () => ({ sequence: 1, digest: '44' }),
      async () => {
        throw new VitrineError('keys.state-moved', 'another copy is newer');
      },
    ]) {
      const source = recordingSource();
      const service = await createEvidenceService(options({ source, manifest: withKeys, keys, state: wrong }));
      await expect(service.channel(request)).rejects.toThrow(VitrineError);
      expect(source.quoted).toEqual([]);
    }
  });

  test('an application root and its state come together', async () => {
    const { appRoot: _, ...others } = keys;
    for (const changes of [{ keys }, { keys: others, state }]) {
      await expect(createEvidenceService(options({ manifest: withKeys, ...changes }))).rejects.toMatchObject({
        code: 'attester.state',
      });
    }
  });
});
