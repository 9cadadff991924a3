import type { BootBinding, Manifest } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { surroundings } from './surroundings.ts';

const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'demo',
  server: { source: { kind: 'command', command: 'x' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};
const BEST: BootBinding['sandbox'] = { process: 'bwrap', seccomp: true, cgroup: true, volume: 'ephemeral' };

function line(label: string, manifest: Partial<Manifest> = {}, sandbox: Partial<BootBinding['sandbox']> = {}): string {
  const found = surroundings({ ...MANIFEST, ...manifest }, { ...BEST, ...sandbox }).find(([name]) => name === label);
  return found?.[1] ?? '';
}

promise('P7', 'no sandbox never reads like one', () => {
  expect(line('Sandbox')).toBe('namespaces of its own, system calls filtered, memory and processes limited');
  expect(line('Sandbox', {}, { process: 'none' })).toBe('none: an ordinary process');
  expect(line('Sandbox', {}, { seccomp: false, cgroup: false })).toContain(
    'not filtered, memory and processes not limited',
  );
});

promise('P7', 'where it may connect to is what is enforced, not what is written', () => {
  const egress = [{ host: 'api.example.com', port: 443 }];
  expect(line('May connect to')).toBe('nothing');
  expect(line('May connect to', { egress })).toBe('api.example.com:443');
  expect(line('May connect to', { egress }, { process: 'none' })).toBe('anything: nothing holds it back');
});

promise('P1', 'hosts that are reached with a credential are places that it may connect to', () => {
  const allow = { port: 443, methods: ['GET'], paths: ['/'] } as const;
  const credential = { owner: 'a'.repeat(64), header: 'authorization' };
  const credentials = {
    one: {
      ...credential,
      allow: [
        { ...allow, host: 'a.example' },
        { ...allow, host: 'a.example', paths: ['/b'] },
      ],
    },
    two: { ...credential, allow: [{ ...allow, host: 'b.example', port: 8443 }] },
  };
  expect(line('May connect to', { credentials })).toBe(
    'a.example:443 with a credential, b.example:8443 with a credential',
  );
  const egress = [{ host: 'c.example', port: 443 }];
  expect(line('May connect to', { credentials, egress })).toMatch(/^c\.example:443, a\.example:443 with/);
  expect(line('May connect to', { credentials }, { process: 'none' })).toBe('anything: nothing holds it back');
  expect(line('Credentials', { credentials })).toBe('one for a.example; two for b.example');
});

promise('P4', 'what the key service does for the server is said, and nothing where it does nothing', () => {
  const rule = { id: 'a', effect: 'allow', action: 'evm.message', startsWith: 'any' } as const;
  const keys = {
    hot: { algorithm: 'secp256k1', origin: 'derived', version: 1, policy: { rules: [rule] } },
  } as const;
  expect(line('Keys', { keys })).toBe('hot (secp256k1, derived); the server can ask, never read');
  expect(line('Signer', { keys, signer: { port: 8545, key: 'hot' } })).toContain('127.0.0.1:8545, with hot');
  expect(line('Documents', { store: 'sealed' })).toContain('each caller’s apart');
  for (const label of ['Keys', 'Signer', 'Credentials', 'Documents']) expect(line(label)).toBe('');
});

promise('P7', 'callers, processes, tools and files are said as they are', () => {
  const digest = 'a'.repeat(64);
  expect(line('Callers')).toBe('whoever reaches it');
  expect(line('Callers', { auth: { kind: 'bearer', tokens: { a: digest, b: digest } } })).toContain('2 tokens');
  expect(line('Processes', { isolation: 'shared' })).toBe('one for all callers');
  expect(line('Tools', { catalogue: { kind: 'dynamic' } })).toContain('not bound');
  expect(line('Tools', { catalogue: { kind: 'pinned', digest } })).toContain('pinned');
  expect(line('Files', {}, { volume: 'directory' })).toContain('in the clear');
});

promise('P4', 'who can change what has lasting keys or data is said, and nothing where nothing lasts', () => {
  const keys = ['0a'.repeat(32), '0b'.repeat(32)];
  expect(line('Can change it')).toBe('');
  expect(line('Can change it', { store: 'sealed' })).toBe('nobody: another configuration has another root');
  expect(line('Can change it', { data: 'encrypted', upgrade: { kind: 'pinned' } })).toMatch(/^nobody:/);
  expect(line('Can change it', { store: 'sealed', upgrade: { kind: 'signed', keys, threshold: 1 } })).toBe(
    '1 of 2 release keys, without delay (0a0a0a0a0a0a0a0a…, 0b0b0b0b0b0b0b0b…)',
  );
});

promise('P7', 'who else can have its keys, and whether older copies are noticed, is said where there is a root', () => {
  const source = { kind: 'x', boundTo: 'y', derivableBy: ['the host'], survivesUpgrade: true, sharedByReplicas: false };
  const appRoot = { id: '0a'.repeat(32), sources: [source], copies: 'unbounded' } as const;
  const rows = new Map(surroundings({ ...MANIFEST, store: 'sealed' }, BEST, appRoot));
  expect(rows.get('Can have its keys')).toBe('the host');
  expect(rows.get('Copies')).toMatch(/^per live copy/);
  expect(line('Copies', { store: 'sealed' })).toBe('');
});
