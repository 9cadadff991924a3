import * as attester from '@vitrine/attester';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { COCO_GUEST, platformChoice, SNP_DEVICE } from './choice.ts';
import { autoPlatform, CONFIGFS_TSM, DSTACK_SOCKETS, detectPlatforms, RTMR_FOLDER } from './detect.ts';

const machine =
  (...paths: readonly string[]) =>
  (path: string): boolean =>
    paths.includes(path);
const TSM = '/sys/kernel/config/tsm/report';
const RTMR = '/sys/devices/virtual/misc/tdx_guest/measurements';

test.each([
  [['/dev/tdx_guest', TSM, RTMR], 'tdx', []],
  [['/dev/tdx_guest', TSM], 'tdx', ['the kernel shows no run-time registers']],
  [['/dev/tdx_guest', RTMR], 'tdx', [`${TSM} is missing`]],
  [['/dev/sev-guest'], 'sev-snp', []],
  [['/dev/sev-guest', '/dev/tpmrm0'], 'sev-snp', []],
  [['/dev/tdx_guest', '/run/dstack/dstack.sock'], 'dstack', []],
  [['/dev/tdx_guest', '/run/confidential-containers'], 'coco', []],
] as const)('with %j it is %s', (paths, name, lacks) => {
  expect(autoPlatform(machine(...paths))).toBe(name);
  const [first] = detectPlatforms(machine(...paths));
  expect(first?.name).toBe(name);
  expect(first?.lacks.map(({ what }) => what)).toEqual(lacks);
});

promise('P7', 'auto is an error where no TEE is, and a TPM is none', () => {
  expect(() => autoPlatform(machine())).toThrow(/no TEE was found/);
  expect(() => autoPlatform(machine())).not.toThrow(/A TPM is here/);
  expect(() => autoPlatform(machine('/dev/tpmrm0'))).toThrow(/A TPM is here, which is no TEE/);
  expect(detectPlatforms(machine())).toEqual([]);
});

test('the places are those that the attester uses, which is not loaded only to look there', () => {
  expect(DSTACK_SOCKETS).toEqual(attester.DSTACK_SOCKETS);
  expect(CONFIGFS_TSM).toBe(attester.TSM_REPORT_ROOT);
  expect(RTMR_FOLDER).toBe(attester.TDX_MEASUREMENTS);
  expect(SNP_DEVICE).toBe(attester.SEV_GUEST_DEVICE);
  expect(platformChoice({ platform: 'coco' }, () => 'tpm').initData).toBe(attester.INIT_DATA_FILE);
  const guest = attester.COCO_GUEST;
  expect(guest.kind === 'tcp' && `http://${guest.host}:${guest.port}`).toBe(COCO_GUEST);
});
