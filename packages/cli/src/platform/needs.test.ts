import { expect, test } from 'vitest';
import type { PlatformChoice } from './choice.ts';
import { platformNeeds } from './needs.ts';

const machine =
  (...paths: readonly string[]) =>
  (path: string): boolean =>
    paths.includes(path);
const TSM = '/sys/kernel/config/tsm/report';
const RTMR = '/sys/devices/virtual/misc/tdx_guest/measurements';
const KBS = { kind: 'kbs', url: 'https://kbs.example', resource: 'a/b/c' } as const;
const service = { kind: 'service', url: 'https://anchor.example', key: '00'.repeat(32) } as const;

test('the simulator needs nothing of the machine', () => {
  const choice: PlatformChoice = { name: 'simulator', roots: [{ kind: 'simulator' }] };
  expect(platformNeeds(choice, undefined, () => true)).toEqual({ devices: [], urls: [], root: false });
});

test('configfs is for root, the device of SNP is not', () => {
  const tdx: PlatformChoice = { name: 'tdx', roots: [] };
  expect(platformNeeds(tdx, undefined, machine(TSM, RTMR))).toEqual({ devices: [TSM, RTMR], urls: [], root: true });
  const snp: PlatformChoice = { name: 'sev-snp', roots: [{ kind: 'snp', device: '/dev/sev-guest' }] };
  expect(platformNeeds(snp, undefined, machine(TSM, '/dev/sev-guest'))).toEqual({
    devices: ['/dev/sev-guest'],
    urls: [],
    root: false,
  });
  expect(platformNeeds(snp, undefined, machine(TSM))).toEqual({ devices: [TSM], urls: [], root: true });
});

test('what roots and anchors need is added, each once', () => {
  const choice: PlatformChoice = {
    name: 'tdx',
    roots: [{ kind: 'tpm', device: '/dev/tpmrm0' }, KBS],
    formerRoots: [KBS, { kind: 'dstack' }],
  };
  expect(platformNeeds(choice, service, machine('/dev/tpmrm0', '/run/dstack.sock'))).toEqual({
    devices: ['/dev/tpmrm0', '/run/dstack.sock'],
    urls: ['https://kbs.example', 'https://anchor.example'],
    tpm: '/dev/tpmrm0',
    root: true,
  });
});

test('the agent of dstack is for root', () => {
  const choice: PlatformChoice = {
    name: 'dstack',
    device: '/run/agent.sock',
    roots: [{ kind: 'dstack', agent: '/run/agent.sock' }],
  };
  expect(platformNeeds(choice, undefined, machine('/run/agent.sock'))).toEqual({
    devices: ['/run/agent.sock'],
    urls: [],
    root: true,
  });
});

test('CoCo is spoken with at its own address, or at the one that was given', () => {
  expect(platformNeeds({ name: 'coco', roots: [KBS] }, undefined, machine()).urls).toEqual([
    'http://127.0.0.1:8006',
    'https://kbs.example',
  ]);
  expect(platformNeeds({ name: 'coco', device: 'http://127.0.0.1:9', roots: [] }, undefined, machine()).urls).toEqual([
    'http://127.0.0.1:9',
  ]);
});

test('an anchor in the TPM needs the TPM, whatever the platform is', () => {
  const choice: PlatformChoice = { name: 'sev-snp', roots: [] };
  expect(platformNeeds(choice, { kind: 'tpm' }, machine('/dev/tpmrm0'))).toMatchObject({
    devices: ['/dev/tpmrm0'],
    tpm: '/dev/tpmrm0',
  });
});
