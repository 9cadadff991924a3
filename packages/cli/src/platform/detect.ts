/**
 * Which TEE this machine is, as far as its interfaces show. That one is here says nothing about whether it is
 * genuine: only its evidence does, and only to whoever verifies it.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import { type PlatformName, SNP_DEVICE, TPM_DEVICE } from './choice.ts';

/** Where dstack's guest agent listens, in the order in which its own libraries look. */
export const DSTACK_SOCKETS: readonly string[] = [
  '/var/run/dstack.sock',
  '/run/dstack.sock',
  '/var/run/dstack/dstack.sock',
  '/run/dstack/dstack.sock',
];
export const CONFIGFS_TSM = '/sys/kernel/config/tsm/report';
export const RTMR_FOLDER = '/sys/devices/virtual/misc/tdx_guest/measurements';
export const COCO_FOLDER = '/run/confidential-containers';
const TDX_DEVICE = '/dev/tdx_guest';

/** One platform: what of it is here, and what it lacks to be used. */
export interface Detected {
  readonly name: Exclude<PlatformName, 'simulator'>;
  /** For people: `an Intel TDX guest`. */
  readonly called: string;
  readonly found: readonly string[];
  readonly lacks: readonly Lack[];
}

/** Something of the platform that is missing, and what would bring it. */
interface Lack {
  readonly what: string;
  readonly remedy: string;
}

/** Every platform of which something is here; those that `auto` prefers come first. */
export function detectPlatforms(exists: (path: string) => boolean): readonly Detected[] {
  const here = (paths: readonly string[]): readonly string[] => paths.filter(exists);
  const configfs = (module: string): readonly Lack[] =>
    exists(CONFIGFS_TSM)
      ? []
      : [{ what: `${CONFIGFS_TSM} is missing`, remedy: `mount configfs and load ${module} (Linux 6.7 or newer)` }];
  const snpDevice = exists(SNP_DEVICE);
  const all: readonly Detected[] = [
    // Both are on top of a TDX or SNP guest, whose devices then belong to them.
    { name: 'dstack', called: 'a dstack guest agent', found: here(DSTACK_SOCKETS).slice(0, 1), lacks: [] },
    { name: 'coco', called: 'a Confidential Containers guest', found: here([COCO_FOLDER]), lacks: [] },
    {
      name: 'tdx',
      called: 'an Intel TDX guest',
      found: here([TDX_DEVICE]),
      lacks: [
        ...configfs('tdx_guest'),
        ...(exists(RTMR_FOLDER)
          ? []
          : [
              {
                what: 'the kernel shows no run-time registers',
                remedy: 'use Linux 6.16 or newer',
              },
            ]),
      ],
    },
    {
      name: 'sev-snp',
      called: 'an AMD SEV-SNP guest',
      found: here([SNP_DEVICE]),
      lacks: snpDevice ? [] : configfs('sev-guest'),
    },
    // No TEE by itself: whoever runs the machine runs a virtual one.
    { name: 'tpm', called: 'a TPM', found: here([TPM_DEVICE]), lacks: [] },
  ];
  return all.filter(({ found }) => found.length > 0);
}

/**
 * What `--platform auto` means on this machine.
 *
 * @throws UsageError `platform.none`.
 */
export function autoPlatform(exists: (path: string) => boolean): PlatformName {
  const detected = detectPlatforms(exists);
  const [first] = detected.filter(({ name }) => name !== 'tpm');
  if (first !== undefined) return first.name;
  const tpm = detected.length === 0 ? '' : ' A TPM is here, which is no TEE: --platform tpm takes it at its word.';
  throw new UsageError(
    'platform.none',
    `no TEE was found on this machine ("vitrine doctor" says what was looked for); --platform simulator (the default) runs without one, and says so.${tpm}`,
  );
}
