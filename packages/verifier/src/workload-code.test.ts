import { createHash } from 'node:crypto';
import type { BootBinding, EvidenceBundle, Manifest, ReferenceEntry } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import type { LaunchJudgement } from './launch/judge.ts';
import { RefusalError } from './refusal.ts';
import type { Check, TechnologyName } from './result.ts';
import { appraiseReference, matchingEntry } from './workload.ts';
import { appraiseCode, type CodeContext } from './workload-code.ts';

const hash = (algorithm: string, ...parts: readonly (string | Buffer)[]): string => {
  const made = createHash(algorithm);
  for (const part of parts) made.update(typeof part === 'string' ? Buffer.from(part, 'hex') : part);
  return made.digest('hex');
};
const D = 'ab'.repeat(48);
const OTHER = 'cd'.repeat(48);
const RTMR3 = hash('sha384', '00'.repeat(48), D);
const HOST_DATA = hash('sha256', D);
const PCR14 = hash('sha256', '00'.repeat(32), hash('sha256', D));

const MANIFEST: Manifest = {
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
const BOOT: BootBinding = {
  type: 'vitrine/boot-binding/v1',
  manifestDigest: D,
  manifestNumber: 1,
  tlsSpki: 'b'.repeat(64),
  sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
  nonce: 'A'.repeat(43),
};
const BUNDLE: EvidenceBundle = {
  hardware: { technology: 'tdx', bytes: new Uint8Array() },
  manifest: MANIFEST,
  boot: BOOT,
};
const VENDOR = { name: 'vendor', simulator: false };
const SIMULATOR = { name: 'simulator', simulator: true };
const REQUIRED = { code: 'required', reference: 'required' } as const;

type Registers = Readonly<Record<string, string>>;

function judge(
  technology: TechnologyName,
  registers: Registers,
  context: CodeContext = {},
  anchor = VENDOR,
): Promise<Check> {
  return appraiseCode(REQUIRED, { technology, registers }, BUNDLE, anchor, context);
}

const SNP: ReferenceEntry = {
  technology: 'snp',
  registers: { measurement: '11'.repeat(48) },
  covers: 'image',
  shape: 'a',
  computedBy: 'somebody',
  manifestDigest: D,
};
const { covers: _, ...FIRMWARE_ONLY } = SNP;

const DIGEST = 'ee'.repeat(32);
const COMPOSE: LaunchJudgement = {
  kind: 'app-compose',
  digest: DIGEST,
  explains: { rtmr3: '33'.repeat(48) },
  content: { ok: true, value: { manifestDigest: D, images: ['i'] } },
};
const INIT: LaunchJudgement = {
  ...COMPOSE,
  kind: 'init-data',
  explains: { mrconfigid: '44'.repeat(48), hostdata: '44'.repeat(32) },
};

describe('who measured what', () => {
  const PASSED: readonly (readonly [string, TechnologyName, Registers, CodeContext, string, string])[] = [
    [
      'RTMR3 of TDX',
      'tdx',
      { rtmr3: RTMR3 },
      {},
      'hardware',
      'firmware, kernel, root file system, enclave and manifest: hardware;',
    ],
    [
      'MRCONFIGID of TDX',
      'tdx',
      { rtmr3: '00'.repeat(48), mrconfigid: D },
      {},
      'hardware',
      'enclave and manifest: hardware;',
    ],
    [
      'HOST_DATA of SEV-SNP, with the image',
      'snp',
      { hostdata: HOST_DATA },
      { entry: SNP },
      'hardware',
      'enclave and manifest: hardware;',
    ],
    [
      'an app-compose',
      'tdx',
      {},
      { launch: COMPOSE },
      'platform-image',
      'root file system: hardware; enclave and manifest: platform-image;',
    ],
    ['init-data of TDX', 'tdx', {}, { launch: INIT }, 'platform-image', 'enclave and manifest: platform-image;'],
    [
      'init-data of SEV-SNP',
      'snp',
      {},
      { launch: INIT, entry: SNP },
      'platform-image',
      'root file system: hardware; enclave and manifest: platform-image;',
    ],
  ];
  for (const [what, technology, registers, context, anchor, says] of PASSED) {
    promise('P3', `is named: ${what}`, async () => {
      const check = await judge(technology, registers, context);
      expect(check).toMatchObject({ status: 'passed', anchor });
      expect(check.message).toContain(says);
      // Under a simulator's root nothing is hardware, and nothing is a platform's image.
      const simulated = await judge(technology, registers, context, SIMULATOR);
      expect(simulated).toMatchObject({ status: 'passed', anchor: 'simulator' });
      expect(simulated.message).not.toMatch(/hardware|platform-image/);
    });
  }

  promise('P3', 'is a key on the caller’s word for a TPM, and a provider’s TPM alone never suffices', async () => {
    expect(await judge('tpm', { pcr14: PCR14 }, {}, SIMULATOR)).toMatchObject({
      status: 'passed',
      anchor: 'simulator',
    });
    const check = await judge('tpm', { pcr14: PCR14 });
    expect(check).toMatchObject({ status: 'failed', anchor: 'provider-vtpm' });
    expect(check.message).toContain('enclave and manifest: provider-vtpm');
  });
});

describe('what only the enclave asserts fails', () => {
  const FAILED: readonly (readonly [string, TechnologyName, Registers, CodeContext, RegExp])[] = [
    ['RTMR3 with another manifest', 'tdx', { rtmr3: hash('sha384', '00'.repeat(48), OTHER) }, {}, /RTMR3/],
    ['RTMR3 with the digest itself', 'tdx', { rtmr3: D }, {}, /RTMR3/],
    ['MRCONFIGID of another manifest', 'tdx', { rtmr3: '00'.repeat(48), mrconfigid: OTHER }, {}, /MRCONFIGID/],
    ['HOST_DATA of another manifest', 'snp', { hostdata: hash('sha256', OTHER) }, { entry: SNP }, /HOST_DATA/],
    ['HOST_DATA with a part of the digest', 'snp', { hostdata: D.slice(0, 64) }, { entry: SNP }, /HOST_DATA/],
    [
      'PCR 14 of another manifest',
      'tpm',
      { pcr14: hash('sha256', '00'.repeat(32), hash('sha256', OTHER)) },
      {},
      /PCR 14/,
    ],
    ['PCR 14 with the digest not hashed first', 'tpm', { pcr14: hash('sha256', '00'.repeat(32), D) }, {}, /PCR 14/],
    ['a Nitro document', 'nitro', { pcr0: D }, {}, /Nitro/],
    ['an SGX report', 'sgx', { configid: `${D}${'00'.repeat(16)}` }, {}, /SGX/],
    ['a launch digest of SEV-SNP that nobody explains', 'snp', { hostdata: HOST_DATA }, {}, /more than firmware/],
    [
      'a launch digest of firmware alone',
      'snp',
      { hostdata: HOST_DATA },
      { entry: FIRMWARE_ONLY },
      /more than firmware/,
    ],
    ['init-data beside it', 'snp', {}, { launch: INIT, entry: FIRMWARE_ONLY }, /more than firmware/],
    [
      'a launch document with another manifest',
      'tdx',
      { rtmr3: RTMR3 },
      { launch: { ...COMPOSE, content: { ok: true, value: { manifestDigest: OTHER, images: [] } } } },
      /starts the enclave with another manifest/,
    ],
    [
      'a launch document that may start other code',
      'tdx',
      { rtmr3: RTMR3 },
      { launch: { ...COMPOSE, content: { ok: false, refusal: new RefusalError('no privileged') } } },
      /^no privileged\.$/,
    ],
    [
      'a launch document that the evidence does not have',
      'tdx',
      { rtmr3: RTMR3 },
      { launch: { kind: 'x', digest: DIGEST, explains: {}, refusal: { message: 'not there' } } },
      /^not there$/,
    ],
  ];
  for (const [what, technology, registers, context, says] of FAILED) {
    promise('P3', `: ${what}`, async () => {
      for (const anchor of [VENDOR, SIMULATOR]) {
        const check = await judge(technology, registers, context, anchor);
        expect(check).toMatchObject({ id: 'workload.code', status: 'failed', anchor: 'self-asserted' });
        expect(check.message).toMatch(says);
      }
    });
  }

  promise('P3', 'but is open as long as there is nothing to compare with that could say otherwise', async () => {
    const uncompared = { compared: false } as const;
    for (const anchor of [VENDOR, SIMULATOR]) {
      for (const context of [{}, { launch: INIT }]) {
        const check = await judge('snp', { hostdata: HOST_DATA }, { ...context, ...uncompared }, anchor);
        expect(check).toMatchObject({ status: 'unavailable', anchor: 'self-asserted' });
        expect(check.message).toMatch(/more than firmware/);
      }
    }
    const policy = { code: 'required', reference: 'any' } as const;
    const claims = { technology: 'tdx' as const, registers: {} };
    const image = await appraiseCode(policy, claims, BUNDLE, VENDOR, { launch: COMPOSE, ...uncompared });
    expect(image).toMatchObject({ status: 'unavailable', anchor: 'self-asserted' });
    // What no reference values could mend fails with them and without.
    expect((await judge('snp', { hostdata: hash('sha256', OTHER) }, uncompared)).status).toBe('failed');
    expect((await judge('tdx', { rtmr3: D }, uncompared)).status).toBe('failed');
    expect((await judge('tpm', { pcr14: PCR14 }, uncompared)).status).toBe('failed');
  });

  promise('P3', 'and an image of a platform that nothing lists', async () => {
    const policy = { code: 'required', reference: 'any' } as const;
    const claims = { technology: 'tdx' as const, registers: {} };
    const entry: ReferenceEntry = {
      ...FIRMWARE_ONLY,
      technology: 'tdx',
      registers: { mrtd: D, rtmr0: D, rtmr1: D, rtmr2: D },
    };
    const check = await appraiseCode(policy, claims, BUNDLE, VENDOR, { launch: COMPOSE });
    expect(check).toMatchObject({ status: 'failed', anchor: 'self-asserted' });
    expect(check.message).toMatch(/nothing lists this image/);
    expect((await appraiseCode(policy, claims, BUNDLE, VENDOR, { launch: COMPOSE, entry })).status).toBe('passed');
  });

  promise(
    'P3',
    'and a policy that waives code does not waive a launch document that the evidence does not have',
    async () => {
      const policy = { code: 'any', reference: 'any' } as const;
      const claims = { technology: 'tdx' as const, registers: {} };
      const launch: LaunchJudgement = {
        kind: 'x',
        digest: DIGEST,
        explains: {},
        refusal: { message: 'not there', expected: 'a', actual: 'b' },
      };
      expect(await appraiseCode(policy, claims, BUNDLE, VENDOR, { launch })).toMatchObject({
        status: 'failed',
        expected: 'a',
        actual: 'b',
      });
      expect((await appraiseCode(policy, claims, BUNDLE, VENDOR, { launch: COMPOSE })).status).toBe('waived');
    },
  );
});

describe('reference values and what explains a register', () => {
  const tdx = { mrtd: '01'.repeat(48), rtmr0: '02'.repeat(48), rtmr1: '03'.repeat(48), rtmr2: '04'.repeat(48) };
  const zeros = { mrconfigid: '00'.repeat(48), mrowner: '00'.repeat(48), mrownerconfig: '00'.repeat(48) };
  const common = { shape: 'a', computedBy: 'somebody', manifestDigest: D } as const;
  const own: ReferenceEntry = { technology: 'tdx', registers: { ...tdx, rtmr3: RTMR3 }, ...common };
  const launched: ReferenceEntry = { technology: 'tdx', registers: tdx, launch: DIGEST, ...common };
  const snp: ReferenceEntry = { technology: 'snp', registers: { measurement: '11'.repeat(48) }, ...common };

  async function compare(
    technology: TechnologyName,
    registers: Registers,
    entry: ReferenceEntry,
    launch?: LaunchJudgement,
    boot: BootBinding | undefined = BOOT,
  ): Promise<Check> {
    const reference = { type: 'vitrine/reference-values/v1', release: '1', entries: [entry] } as const;
    const claims = { technology, registers };
    const check = await appraiseReference(REQUIRED, claims, boot, reference, launch);
    const found = await matchingEntry(claims, boot, reference, launch);
    expect(found).toBe(check.status === 'passed' ? entry : undefined);
    return check;
  }

  promise('P3', 'MRCONFIGID and HOST_DATA may be the manifest that the values name', async () => {
    const registers = { ...tdx, ...zeros, rtmr3: RTMR3 };
    expect((await compare('tdx', { ...registers, mrconfigid: D }, own)).status).toBe('passed');
    expect((await compare('snp', { ...snp.registers, hostdata: HOST_DATA }, snp)).status).toBe('passed');
    expect((await compare('snp', { ...snp.registers, hostdata: '00'.repeat(32) }, snp)).status).toBe('passed');
    for (const mrconfigid of [OTHER, `${D.slice(0, 94)}00`]) {
      const check = await compare('tdx', { ...registers, mrconfigid }, own);
      expect(check).toMatchObject({ status: 'failed', message: 'Register mrconfigid is not the expected one.' });
    }
    for (const hostdata of [hash('sha256', OTHER), D.slice(0, 64)]) {
      const check = await compare('snp', { ...snp.registers, hostdata }, snp);
      expect(check).toMatchObject({ status: 'failed', message: 'Register hostdata is not the expected one.' });
    }
  });

  promise('P3', 'and not where the values name the register', async () => {
    const named: ReferenceEntry = { ...own, registers: { ...own.registers, mrconfigid: '00'.repeat(48) } };
    const check = await compare('tdx', { ...tdx, ...zeros, rtmr3: RTMR3, mrconfigid: D }, named);
    expect(check).toMatchObject({ status: 'failed', expected: '00'.repeat(48), actual: D });
  });

  promise('P3', 'RTMR3 is explained by the app-compose that the values name, and by no other', async () => {
    const registers = { ...tdx, ...zeros, rtmr3: '33'.repeat(48) };
    expect((await compare('tdx', registers, launched, COMPOSE)).status).toBe('passed');
    const others: readonly (readonly [string, LaunchJudgement | undefined, string])[] = [
      ['none', undefined, 'none'],
      ['another', { ...COMPOSE, digest: 'dd'.repeat(32) }, 'dd'.repeat(32)],
      [
        'one that the evidence does not have',
        { ...COMPOSE, refusal: { message: 'x' } },
        'one that the evidence does not have',
      ],
    ];
    for (const [, launch, actual] of others) {
      expect(await compare('tdx', registers, launched, launch)).toMatchObject({
        status: 'failed',
        expected: DIGEST,
        actual,
        message: 'The launch document is not the expected one.',
      });
    }
    const unexplained = { ...COMPOSE, explains: {} };
    expect((await compare('tdx', registers, launched, unexplained)).message).toBe(
      'Register rtmr3 is not the expected one.',
    );
    const unnamed: ReferenceEntry = { technology: 'tdx', registers: tdx, ...common };
    expect((await compare('tdx', registers, unnamed, COMPOSE)).message).toBe('Register rtmr3 is not the expected one.');
    expect((await compare('tdx', registers, own, COMPOSE)).message).toBe('Register rtmr3 is not the expected one.');
  });

  promise('P3', 'a named app-compose explains none of the launch registers', async () => {
    const registers = { ...tdx, ...zeros, rtmr3: '33'.repeat(48) };
    for (const name of ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'mrowner', 'mrownerconfig', 'mrconfigid'] as const) {
      const check = await compare('tdx', { ...registers, [name]: 'ff'.repeat(48) }, launched, COMPOSE);
      expect(check).toMatchObject({ status: 'failed', message: `Register ${name} is not the expected one.` });
    }
  });

  promise('P3', 'MRCONFIGID and HOST_DATA may be the init-data that the values name', async () => {
    const registers = { ...tdx, ...zeros, mrconfigid: '44'.repeat(48), rtmr3: '00'.repeat(48) };
    const entry: ReferenceEntry = {
      technology: 'tdx',
      registers: { ...tdx, rtmr3: '00'.repeat(48) },
      launch: DIGEST,
      ...common,
    };
    expect((await compare('tdx', registers, entry, INIT)).status).toBe('passed');
    expect((await compare('tdx', { ...registers, mrconfigid: '45'.repeat(48) }, entry, INIT)).status).toBe('failed');
    const host: ReferenceEntry = { ...snp, launch: DIGEST };
    expect((await compare('snp', { ...snp.registers, hostdata: '44'.repeat(32) }, host, INIT)).status).toBe('passed');
    expect((await compare('snp', { ...snp.registers, hostdata: '45'.repeat(32) }, host, INIT)).status).toBe('failed');
    expect((await compare('snp', { ...snp.registers, hostdata: '44'.repeat(32) }, snp, INIT)).status).toBe('failed');
  });

  promise('P3', 'another manifest explains a launch document that has changed with it', async () => {
    const registers = { ...tdx, ...zeros, rtmr3: '33'.repeat(48) };
    const check = await compare(
      'tdx',
      registers,
      launched,
      { ...COMPOSE, digest: 'dd'.repeat(32) },
      { ...BOOT, manifestDigest: OTHER },
    );
    expect(check).toMatchObject({ expected: D, actual: OTHER, message: expect.stringMatching(/^The manifest/) });
  });
});
