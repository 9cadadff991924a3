import { type KeyStatement, type Manifest, UsageError } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { requireEnforceable } from './enforceable.ts';
import type { Obtained } from './housing/housing.ts';
import { MANIFEST } from './testing/open-door.ts';

const FULL: Manifest = {
  ...MANIFEST,
  sandbox: 'bwrap',
  data: 'encrypted',
  egress: [{ host: 'api.example.com', port: 443 }],
  limits: { memory: 64, processes: 8, cpu: 50, requestsPerMinute: 1, concurrentRequests: 1 },
  isolation: 'shared',
  catalogue: { kind: 'pinned', digest: '00'.repeat(32) },
};
const OBTAINED: Obtained = { process: 'bwrap', seccomp: true, cgroup: true, volume: 'encrypted' };
const NOTHING: Obtained = { process: 'none', seccomp: false, cgroup: false, volume: 'directory' };

promise('P7', 'a manifest whose demands were all obtained is accepted', () => {
  expect(() => requireEnforceable(FULL, { obtained: OBTAINED, keySockets: [] }, [])).not.toThrow();
  expect(() => requireEnforceable(MANIFEST, { obtained: NOTHING, keySockets: [] }, [])).not.toThrow();
  expect(() =>
    requireEnforceable({ ...MANIFEST, limits: { requestsPerMinute: 1 } }, { obtained: NOTHING, keySockets: [] }, []),
  ).not.toThrow();
});

for (const [what, change, obtained, named] of [
  ['a sandbox', { sandbox: 'bwrap' }, NOTHING, /sandbox: bwrap/],
  ['an egress list', { egress: FULL.egress }, NOTHING, /egress/],
  ['data in memory', { data: 'ephemeral' }, NOTHING, /data: ephemeral/],
  ['encrypted data', { data: 'encrypted' }, { ...OBTAINED, volume: 'ephemeral' }, /data: encrypted/],
  ['a limit of memory', { limits: { memory: 64 } }, { ...OBTAINED, cgroup: false }, /memory/],
  ['a limit of processes', { limits: { processes: 8 } }, { ...OBTAINED, cgroup: false }, /processes/],
  ['a limit of processor time', { limits: { cpu: 50 } }, { ...OBTAINED, cgroup: false }, /processor time/],
  ['attested clients', { clients: 'attested' }, OBTAINED, /clients: attested/],
] as const) {
  promise('P7', `a manifest that demands ${what} which was not obtained is refused`, () => {
    const manifest = { ...MANIFEST, ...change } as Manifest;
    const housing = { obtained, keySockets: [] };
    expect(() => requireEnforceable(manifest, housing, [])).toThrow(UsageError);
    expect(() => requireEnforceable(manifest, housing, [])).toThrow(named);
  });
}

const KEYS: Pick<Manifest, 'keys'> = {
  keys: {
    main: {
      origin: 'generated',
      algorithm: 'ed25519',
      version: 1,
      policy: { rules: [{ id: 'a', effect: 'allow', action: 'sign', contexts: ['x'] }] },
    },
  },
};
const STATEMENT: KeyStatement = {
  type: 'vitrine/key-statement/v1',
  name: 'main',
  algorithm: 'ed25519',
  version: 1,
  state: 'active',
  origin: 'generated',
  exportable: false,
  scope: 'instance',
  policy: '0'.repeat(96),
};

promise('P4', 'keys need a socket to a key service that has them', () => {
  const manifest = { ...MANIFEST, ...KEYS };
  const housing = { obtained: NOTHING, keySockets: [3] };
  expect(() => requireEnforceable(manifest, housing, [STATEMENT])).not.toThrow();
  expect(() => requireEnforceable(manifest, { ...housing, keySockets: [] }, [STATEMENT])).toThrow(/socket/);
  expect(() => requireEnforceable(manifest, housing, [])).toThrow(/names the key main/);
  expect(() => requireEnforceable(manifest, housing, [{ ...STATEMENT, name: 'other' }])).toThrow(/names the key main/);
  expect(() => requireEnforceable({ ...MANIFEST, store: 'sealed' }, { ...housing, keySockets: [] }, [])).toThrow(
    /store/,
  );
});

promise('P4', 'a signer and credentials need a sandbox', () => {
  const allow = [{ host: 'api.example.com', port: 443, methods: ['GET'], paths: ['/'] }] as const;
  const credentials = { api: { owner: '0'.repeat(64), header: 'authorization', allow } };
  const signer = { ...KEYS, signer: { port: 8545, key: 'main' } };
  for (const [change, named] of [
    [{ credentials }, /credentials/],
    [signer, /signer listens on port 8545/],
  ] as const) {
    const manifest = { ...MANIFEST, ...change };
    expect(() => requireEnforceable(manifest, { obtained: OBTAINED, keySockets: [3, 7] }, [STATEMENT])).not.toThrow();
    expect(() => requireEnforceable(manifest, { obtained: NOTHING, keySockets: [3, 7] }, [STATEMENT])).toThrow(named);
  }
});

promise('P7', 'an image without a sandbox is refused', () => {
  const source = {
    kind: 'oci',
    image: `sha256:${'0'.repeat(64)}`,
    tree: '0'.repeat(96),
    platform: 'linux-x64',
  } as const;
  const manifest: Manifest = { ...MANIFEST, server: { ...MANIFEST.server, source: { ...source, command: ['/x'] } } };
  expect(() => requireEnforceable(manifest, { obtained: NOTHING, keySockets: [] }, [])).toThrow(/image/);
});

promise('P7', 'nobody is let in for want of a word: without "auth" nothing starts', () => {
  const { auth: _auth, ...without } = MANIFEST;
  expect(() => requireEnforceable(without, { obtained: NOTHING, keySockets: [] }, [])).toThrow(/auth/);
});
