import { type Manifest, UsageError } from '@vitrine/documents';
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
  expect(() => requireEnforceable(FULL, OBTAINED)).not.toThrow();
  expect(() => requireEnforceable(MANIFEST, NOTHING)).not.toThrow();
  expect(() => requireEnforceable({ ...MANIFEST, limits: { requestsPerMinute: 1 } }, NOTHING)).not.toThrow();
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
    expect(() => requireEnforceable(manifest, obtained)).toThrow(UsageError);
    expect(() => requireEnforceable(manifest, obtained)).toThrow(named);
  });
}

promise('P7', 'an image without a sandbox is refused', () => {
  const source = {
    kind: 'oci',
    image: `sha256:${'0'.repeat(64)}`,
    tree: '0'.repeat(96),
    platform: 'linux-x64',
  } as const;
  const manifest: Manifest = { ...MANIFEST, server: { ...MANIFEST.server, source: { ...source, command: ['/x'] } } };
  expect(() => requireEnforceable(manifest, NOTHING)).toThrow(/image/);
});

promise('P7', 'nobody is let in for want of a word: without "auth" nothing starts', () => {
  const { auth: _auth, ...without } = MANIFEST;
  expect(() => requireEnforceable(without, NOTHING)).toThrow(/auth/);
});
