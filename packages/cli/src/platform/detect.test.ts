import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { autoPlatform, detectPlatforms } from './detect.ts';

const machine =
  (...paths: readonly string[]) =>
  (path: string): boolean =>
    paths.includes(path);
const TSM = '/sys/kernel/config/tsm/report';
const RTMR = '/sys/devices/virtual/misc/tdx_guest/measurements';

test.each([
  [['/dev/tdx_guest', TSM, RTMR], 'tdx', []],
  [['/dev/tdx_guest', TSM], 'tdx', ['the kernel cannot extend run-time registers']],
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
