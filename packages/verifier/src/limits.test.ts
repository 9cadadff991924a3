import type { BootBinding, Manifest } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { limitsOf } from './limits.ts';
import { presets } from './policy-file.ts';
import type { Claims } from './result.ts';

const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'demo',
  server: {
    source: { kind: 'path', tree: 'a'.repeat(96), entry: 'main.js' },
    args: [],
    environment: {},
    transport: 'stdio',
  },
  sandbox: 'none',
  catalogue: { kind: 'pinned', digest: 'b'.repeat(64) },
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};
const BEST: BootBinding['sandbox'] = { process: 'bwrap', seccomp: true, cgroup: true, volume: 'ephemeral' };

function limits(
  sandbox: Partial<BootBinding['sandbox']>,
  manifest: Partial<Manifest> = {},
  more: Partial<Claims> = {},
): string {
  const claims: Claims = {
    technology: 'tdx',
    anchor: 'Intel SGX Root CA',
    platform: {},
    registers: {},
    reportData: '',
    manifest: { ...MANIFEST, ...manifest },
    sandbox: { ...BEST, ...sandbox },
    ...more,
  };
  return limitsOf({ root: 'vendor', scope: 'live', policy: presets.default, checks: [], claims }).join('\n');
}

const SENTENCES = [
  ['no sandbox', /without a sandbox/, { process: 'none' }, {}],
  ['hosts to send to', /send anything to the hosts/, {}, { egress: [{ host: 'api.example.com', port: 443 }] }],
  ['unfiltered system calls', /system calls .* not filtered/, { seccomp: false }, {}],
  ['a shared process', /share one server process/, {}, { isolation: 'shared' }],
  ['files in the clear', /in the clear/, { volume: 'directory' }, {}],
  ['files that can be put back', /put back older ones/, { volume: 'encrypted' }, {}],
  [
    'release keys',
    /^Whoever holds 1 of the 2 release keys can change code and policy, without delay\.$/m,
    {},
    { store: 'sealed', upgrade: { kind: 'signed', keys: ['0a'.repeat(32), '0b'.repeat(32)], threshold: 1 } },
  ],
  [
    'a delay that nobody enforces',
    /^Whoever holds 1 of the 1 release keys .*; a delay of 3 days .* not enforced/m,
    {},
    { upgrade: { kind: 'signed', keys: ['0a'.repeat(32)], threshold: 1, minDelay: 259_200 } },
  ],
  [
    'a delay that witnesses enforce',
    /^Whoever holds 1 of the 1 release keys .*, 90 minutes after 2 of 3 witnesses have seen the release/m,
    {},
    {
      upgrade: {
        kind: 'signed',
        keys: ['0a'.repeat(32)],
        threshold: 1,
        minDelay: 5400,
        witnesses: { keys: ['0b'.repeat(32), '0c'.repeat(32), '0d'.repeat(32)], threshold: 2 },
      },
    },
  ],
  ['tools that can change', /tools .* not bound/, {}, { catalogue: { kind: 'dynamic' } }],
] as const;

for (const [what, sentence, sandbox, manifest] of SENTENCES) {
  promise('P7', `a verdict says what ${what} means, and only then`, () => {
    expect(limits(sandbox, manifest)).toMatch(sentence);
    expect(limits({})).not.toMatch(sentence);
  });
}

const ROOT: NonNullable<BootBinding['appRoot']> = {
  id: 'cc'.repeat(32),
  sources: [
    {
      kind: 'snp-derived-key',
      boundTo: 'the chip',
      derivableBy: ['another guest of the same image'],
      survivesUpgrade: false,
      sharedByReplicas: false,
    },
  ],
  copies: 'unbounded',
};

promise('P4', 'a verdict says who else can have the root, and what happens with copies of the state', () => {
  const of = (appRoot: typeof ROOT, manifest: Partial<Manifest> = {}): string => limits({}, manifest, { appRoot });
  expect(of(ROOT)).toMatch(/can also be had by: another guest of the same image\./);
  expect(of(ROOT)).toMatch(/holds for each copy\./);
  const anchored = of({
    ...ROOT,
    copies: 'anchored',
    anchor: { kind: 'tpm', rolledBackBy: ['whoever runs the machine'] },
  });
  expect(anchored).toMatch(/rests on an anchor \(tpm\), which can be put back by: whoever runs the machine\./);
  expect(anchored).not.toMatch(/holds for each copy/);
  expect(of({ ...ROOT, copies: 'anchored', anchor: { kind: 'tpm', rolledBackBy: [] } })).toMatch(
    /nobody that it names/,
  );
  expect(of({ ...ROOT, copies: 'anchored' })).toMatch(/holds for each copy/);
  expect(of(ROOT, { handover: { to: ['equal'], platforms: 'any' } })).toMatch(/may be handed to other enclaves/);
  expect(of(ROOT)).not.toMatch(/may be handed/);
  expect(limits({}, { handover: { to: ['equal'], platforms: 'any' } })).not.toMatch(/may be handed/);
});
