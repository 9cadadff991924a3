/**
 * Which interfaces of a Trusted Execution Environment are here, what they lack, and what `--platform auto`
 * would take. That one is here says nothing about whether it is genuine: only its evidence does.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import { autoPlatform, COCO_FOLDER, type Detected, DSTACK_SOCKETS, detectPlatforms } from '../platform/detect.ts';
import type { Examined } from './examined.ts';
import { type Finding, findingsOf } from './finding.ts';

const { ok, missing } = findingsOf('Hardware');

const IDS: Readonly<Record<Detected['name'], string>> = {
  dstack: 'tee.dstack',
  coco: 'tee.coco',
  tdx: 'tee.tdx',
  'sev-snp': 'tee.snp',
  tpm: 'tee.tpm',
};
const NITRO_DEVICE = '/dev/nsm';
const USE_SIMULATOR = 'vitrine run uses the simulator';

export function examineHardware({ platform, exists, writable }: Examined): readonly Finding[] {
  if (platform !== 'linux')
    return [missing('tee', 'Trusted Execution Environments are looked for on Linux only', USE_SIMULATOR)];
  const detected = detectPlatforms(exists);
  const nitro = exists(NITRO_DEVICE)
    ? [missing('tee.nitro', `an AWS Nitro enclave: ${NITRO_DEVICE}`, 'this version cannot host there')]
    : [];
  if (detected.length === 0 && nitro.length === 0) {
    const looked = ['/dev/tdx_guest', '/dev/sev-guest', '/dev/tpmrm0', DSTACK_SOCKETS[0], COCO_FOLDER, NITRO_DEVICE];
    return [missing('tee', `none of ${looked.join(', ')}: no TEE is here`, USE_SIMULATOR)];
  }
  return [...detected.flatMap((one) => findings(one, writable)), ...nitro, auto(exists)];
}

function findings({ name, called, found, lacks }: Detected, writable: (path: string) => boolean): readonly Finding[] {
  const id = IDS[name];
  const closed = found.filter((path) => path.startsWith('/dev/') && !writable(path));
  return [
    ok(id, `${called}: ${found.join(', ')}`),
    ...closed.map((path) =>
      missing(`${id}.access`, `${path} is not for this user`, 'run as root, or let this user open it'),
    ),
    ...lacks.map(({ what, remedy }) => missing(`${id}.lacks`, what, remedy)),
  ];
}

function auto(exists: (path: string) => boolean): Finding {
  try {
    return ok('tee.auto', `--platform auto takes ${autoPlatform(exists)}`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return missing('tee.auto', '--platform auto finds no TEE here', USE_SIMULATOR);
  }
}
