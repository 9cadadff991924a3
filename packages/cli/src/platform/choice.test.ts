import { resolve } from 'node:path';
import { UsageError } from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type PlatformFlags, platformChoice, platformChoiceShape } from './choice.ts';

const never = (): never => {
  throw new Error('asked for what was found');
};

test.each<[string, PlatformFlags, object]>([
  ['nothing', {}, { name: 'simulator', roots: [{ kind: 'simulator' }] }],
  ['the simulator', { platform: 'simulator' }, { name: 'simulator', roots: [{ kind: 'simulator' }] }],
  ['a TPM', { platform: 'tpm' }, { name: 'tpm', roots: [{ kind: 'tpm', device: '/dev/tpmrm0' }] }],
  [
    'a TPM elsewhere',
    { platform: 'tpm', device: '/run/tpm' },
    { name: 'tpm', device: '/run/tpm', roots: [{ kind: 'tpm', device: '/run/tpm' }] },
  ],
  ['SNP', { platform: 'sev-snp' }, { name: 'sev-snp', roots: [{ kind: 'snp', device: '/dev/sev-guest' }] }],
  ['TDX, which has no secret of its own', { platform: 'tdx' }, { name: 'tdx', roots: [] }],
  [
    'TDX with two sources',
    { platform: 'tdx', root: ['tpm', 'kbs:https://kbs.example#default/vitrine/root'] },
    {
      name: 'tdx',
      roots: [
        { kind: 'tpm', device: '/dev/tpmrm0' },
        { kind: 'kbs', url: 'https://kbs.example', resource: 'default/vitrine/root' },
      ],
    },
  ],
  ['dstack', { platform: 'dstack' }, { name: 'dstack', roots: [{ kind: 'dstack' }] }],
  [
    'dstack at a socket',
    { platform: 'dstack', device: '/s' },
    { name: 'dstack', device: '/s', roots: [{ kind: 'dstack', agent: '/s' }] },
  ],
  [
    'a change of source',
    { platform: 'tdx', root: ['tpm:/a'], 'root-from': ['snp'] },
    { name: 'tdx', roots: [{ kind: 'tpm', device: '/a' }], formerRoots: [{ kind: 'snp', device: '/dev/sev-guest' }] },
  ],
])('%s', (_what, flags, choice) => {
  const made = platformChoice(flags, never);
  expect(made).toEqual(choice);
  expect(platformChoiceShape.parse(structuredClone(made))).toMatchObject({ ok: true });
});

test('auto is what was found', () => {
  expect(platformChoice({ platform: 'auto' }, () => 'dstack').name).toBe('dstack');
});

test('paths are absolute, since the key service is somewhere else, and URLs stay', () => {
  const root = ['tpm:tpm.sock'];
  expect(platformChoice({ platform: 'sev-snp', device: './d', root, 'root-from': root }, never)).toEqual({
    name: 'sev-snp',
    device: resolve('d'),
    roots: [{ kind: 'tpm', device: resolve('tpm.sock') }],
    formerRoots: [{ kind: 'tpm', device: resolve('tpm.sock') }],
  });
  const guest = { platform: 'coco', device: 'http://127.0.0.1:8006', 'init-data': 'a.toml' };
  expect(platformChoice(guest, never)).toEqual({
    name: 'coco',
    device: 'http://127.0.0.1:8006',
    initData: resolve('a.toml'),
    roots: [],
  });
});

promise('P7', 'the simulator is never mixed with a real platform', () => {
  expect(() => platformChoice({ platform: 'tdx', root: ['simulator'] }, never)).toThrow(/protects nothing here/);
  expect(() => platformChoice({ root: ['tpm'] }, never)).toThrow(/in the simulator/);
  expect(() => platformChoice({ device: '/dev/tpmrm0' }, never)).toThrow(/the simulator has none/);
});

test.each<[PlatformFlags, RegExp]>([
  [{ platform: 'sgx' }, /expected one of auto, simulator, tdx, sev-snp, tpm, dstack, coco, found "sgx"/],
  [{ platform: 'dstak' }, /did you mean dstack\?/],
  [{ platform: 'tdx', root: ['tpm', 'tpm:/other'] }, /of two kinds, found tpm and tpm/],
  [{ platform: 'tdx', root: ['kbs'] }, /expected kbs:URL#REPOSITORY\/TYPE\/TAG/],
  [{ platform: 'tdx', root: ['kbs:https://a#b/c'] }, /expected kbs:URL/],
  [{ platform: 'tdx', root: ['kbs:https://a#b/c/d#e'] }, /expected kbs:URL/],
  [{ platform: 'tdx', root: ['kbs:file:///a#b/c/d'] }, /expected kbs:URL/],
  [{ platform: 'tdx', root: ['snp:/dev/x'] }, /expected one of snp/],
  [{ platform: 'tdx', root: [''] }, /expected one of snp/],
  [{ platform: 'tdx', root: ['TPM'] }, /expected one of snp/],
  [{ platform: 'tdx', device: '/dev/tdx_guest' }, /a fixed place/],
  [{ platform: 'tdx', root: ['kbs:HTTPS://a#b/c/d'] }, /expected kbs:URL/],
  [{ platform: 'tdx', root: ['tpm'], 'root-from': ['ephemeral'] }, /gone with its start/],
  [{ platform: 'tpm', device: '/a', root: ['tpm:/b'] }, /found \/a and \/b/],
  [{ platform: 'tpm', device: '/a', root: ['ephemeral'], 'root-from': ['tpm:/b'] }, /found \/a and \/b/],
  [{ platform: 'tdx', root: ['tpm:/b'], 'root-from': ['tpm'] }, /found \/b and \/dev\/tpmrm0/],
])('%o is refused', (flags, message) => {
  expect(() => platformChoice(flags, never)).toThrow(UsageError);
  expect(() => platformChoice(flags, never)).toThrow(message);
});

promise('P7', 'a password in the URL of a key broker is neither taken nor shown', () => {
  for (const url of ['https://me:hunter2@kbs.example', 'https://kbs.example/?token=hunter2']) {
    const given = (): unknown => platformChoice({ platform: 'coco', root: [`kbs:${url}#a/b/c`] }, never);
    expect(given).toThrow(/no user, password or query/);
    expect(given).not.toThrow(/hunter2/);
  }
});
