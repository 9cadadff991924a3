/**
 * Which interfaces of a Trusted Execution Environment are here. That one is here says nothing about
 * whether it is genuine: only its evidence does.
 *
 * @module
 */
import type { Examined } from './examined.ts';
import { type Finding, findingsOf } from './finding.ts';

const { ok, missing } = findingsOf('Hardware');

const INTERFACES: readonly (readonly [id: string, what: string, paths: readonly string[]])[] = [
  ['tee.tdx', 'an Intel TDX guest', ['/dev/tdx_guest']],
  ['tee.snp', 'an AMD SEV-SNP guest', ['/dev/sev-guest']],
  ['tee.nitro', 'an AWS Nitro enclave', ['/dev/nsm']],
  ['tee.tpm', 'a TPM', ['/dev/tpmrm0']],
  ['tee.configfs', "the kernel's interface to reports", ['/sys/kernel/config/tsm/report']],
  [
    'tee.dstack',
    'a dstack agent',
    ['/var/run/dstack.sock', '/run/dstack.sock', '/var/run/dstack/dstack.sock', '/run/dstack/dstack.sock'],
  ],
];

export function examineHardware({ platform, exists }: Examined): readonly Finding[] {
  if (platform !== 'linux')
    return [
      missing('tee', 'Trusted Execution Environments are looked for on Linux only', 'vitrine run uses the simulator'),
    ];
  const found = INTERFACES.flatMap(([id, what, paths]) => {
    const path = paths.find(exists);
    return path === undefined ? [] : [ok(id, `${what}: ${path}`)];
  });
  if (found.length > 0) return found;
  const looked = INTERFACES.map(([, , [path]]) => path).join(', ');
  return [missing('tee', `none of ${looked}: no TEE is here`, 'vitrine run uses the simulator')];
}
