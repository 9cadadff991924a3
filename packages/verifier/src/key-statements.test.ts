import {
  type BootBinding,
  documentDigest,
  type EvidenceBundle,
  type KeyPolicy,
  type KeyStatement,
  keyStatementRoot,
  type Manifest,
} from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { appraiseKeyStatements } from './key-statements.ts';

const POLICY: KeyPolicy = { rules: [{ id: 'any', effect: 'allow', action: 'sign', contexts: ['a'] }] };
const PUBLIC = 'ab'.repeat(32);

const manifest: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'wallet',
  server: { source: { kind: 'command', command: 'x' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  keys: {
    hot: { origin: 'derived', algorithm: 'ed25519', version: 2, retired: [1], policy: POLICY },
    mine: {
      origin: 'imported',
      algorithm: 'ed25519',
      version: 1,
      policy: POLICY,
      publicKey: PUBLIC,
      owner: '00'.repeat(32),
    },
  },
  runtime: { vitrine: '0', node: '0' },
};

async function statement(over: Partial<KeyStatement>): Promise<KeyStatement> {
  return {
    type: 'vitrine/key-statement/v1',
    name: 'hot',
    algorithm: 'ed25519',
    version: 1,
    state: 'active',
    publicKey: PUBLIC,
    origin: 'derived',
    exportable: false,
    scope: 'service',
    policy: await documentDigest(POLICY),
    ...over,
  };
}

const own = (): Promise<KeyStatement[]> =>
  Promise.all([
    statement({ state: 'retired' }),
    statement({ version: 2 }),
    statement({ name: 'mine', origin: 'imported', exportable: true }),
  ]);

interface Change {
  readonly manifest?: Manifest;
  readonly statements?: readonly KeyStatement[] | null;
  readonly boot?: Partial<BootBinding>;
  readonly without?: 'keyStatements' | 'appRoot';
}

async function judged(change: Change = {}): Promise<{ status: string; message: string }> {
  const statements = change.statements === undefined ? await own() : change.statements;
  const boot: BootBinding = {
    type: 'vitrine/boot-binding/v1',
    manifestDigest: '00'.repeat(48),
    manifestNumber: 1,
    tlsSpki: '00'.repeat(32),
    sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    keyStatements: await keyStatementRoot(statements ?? []),
    appRoot: {
      id: '00'.repeat(32),
      copies: 'unbounded',
      sources: [{ kind: 'x', boundTo: 'x', derivableBy: [], survivesUpgrade: false, sharedByReplicas: false }],
    },
    nonce: 'A'.repeat(43),
    ...change.boot,
  };
  if (change.without !== undefined) Reflect.deleteProperty(boot, change.without);
  const bundle: EvidenceBundle = {
    hardware: { technology: 'tdx', bytes: new Uint8Array(1) },
    manifest: change.manifest ?? manifest,
    boot,
    ...(statements === null ? {} : { keyStatements: { type: 'vitrine/key-statements/v1', statements } }),
  };
  return appraiseKeyStatements(bundle, 'root');
}

const { keys: _keys, ...bare } = manifest;

describe('binding.keys', () => {
  promise('P4', 'statements that the boot binding names and that fit the manifest pass', async () => {
    expect(await judged()).toMatchObject({ status: 'passed', message: expect.stringContaining('hot, mine') });
  });

  promise('P4', 'an enclave without keys needs no statements', async () => {
    expect(await judged({ manifest: bare, statements: null, without: 'keyStatements' })).toMatchObject({
      status: 'passed',
    });
  });

  const flips: readonly [string, RegExp, (all: KeyStatement[]) => Promise<Change> | Change][] = [
    [
      'statements that another root names',
      /not the ones that the boot/,
      () => ({ boot: { keyStatements: '11'.repeat(32) } }),
    ],
    ['no statements', /says nothing of them/, () => ({ statements: null })],
    ['no root over them', /says nothing of them/, () => ({ without: 'keyStatements' })],
    ['statements without keys', /manifest does not name/, () => ({ manifest: bare })],
    ['a root over statements without keys', /manifest does not name/, () => ({ manifest: bare, statements: null })],
    ['a key left out', /same keys: mine version 1/, (all) => ({ statements: all.slice(0, 2) })],
    ['a retired version left out', /same keys: hot version 1/, (all) => ({ statements: all.slice(1) })],
    ['a key twice', /same keys: hot version 2/, (all) => ({ statements: [...all, ...all.slice(1, 2)] })],
    [
      'an unknown key',
      /same keys: other/,
      async (all) => ({ statements: [...all, await statement({ name: 'other' })] }),
    ],
    ['derived without a root', /names no root/, () => ({ without: 'appRoot' })],
  ];
  for (const [what, why, change] of flips) {
    promise('P4', `refused: ${what}`, async () => {
      expect(await judged(await change(await own()))).toMatchObject({
        status: 'failed',
        message: expect.stringMatching(why),
      });
    });
  }

  const members: readonly [string, RegExp, number, Partial<KeyStatement>][] = [
    ['another algorithm', /algorithm p256/, 1, { algorithm: 'p256' }],
    ['an imported key called derived', /origin derived/, 2, { origin: 'derived' }],
    ['an imported key called not exportable', /exportable: false/, 2, { exportable: false }],
    ['a derived key called exportable', /exportable: true/, 1, { exportable: true }],
    ['another scope', /scope instance/, 1, { scope: 'instance' }],
    ['a retired version called active', /version 1 is active/, 0, { state: 'active' }],
    ['an active version called retired', /version 2 is retired/, 1, { state: 'retired' }],
    ['another policy', /policy 0000/, 1, { policy: '00'.repeat(48) }],
    ['another public key of an imported key', /public key cdcd/, 2, { publicKey: 'cd'.repeat(32) }],
    ['a path that the manifest has not', /path m\/0/, 1, { path: 'm/0' }],
  ];
  for (const [what, why, at, over] of members) {
    promise('P4', `refused: ${what}`, async () => {
      const all = await own();
      all[at] = { ...(all[at] as KeyStatement), ...over };
      expect(await judged({ statements: all })).toMatchObject({
        status: 'failed',
        message: expect.stringMatching(why),
      });
    });
  }
});
