/**
 * Where evidence itself has the digest of the manifest, by technology, when no launch document says it. With D for
 * the SHA-384 of the manifest:
 *
 * | technology | where |
 * |---|---|
 * | TDX | MRCONFIGID = D, or RTMR3 = SHA-384(48 zero bytes ‖ D), one extension |
 * | SEV-SNP | HOST_DATA = SHA-256(D) |
 * | TPM | PCR 14 = SHA-256(32 zero bytes ‖ SHA-256(D)), one extension |
 * | SGX, Nitro | nowhere in this release |
 *
 * @module
 */
import { concatBytes, digest, fromHex, toHex } from '@vitrine/documents/evidence';
import type { TechnologyName } from './result.ts';

/** Whether the evidence has the digest of the manifest, and where. */
export interface ManifestAnchor {
  readonly anchored: boolean;
  readonly expected: string;
  readonly actual: string;
  /** Why it is not anchored. */
  readonly message: string;
}

type Registers = Readonly<Record<string, string>>;

/** Whether the registers have the digest of the manifest. */
export async function findManifest(
  technology: TechnologyName,
  registers: Registers,
  manifestDigest: string,
): Promise<ManifestAnchor> {
  const value = fromHex(manifestDigest);
  if (value === undefined) throw new TypeError('registers and digests are hexadecimal');
  switch (technology) {
    case 'tdx':
      if (registers['mrconfigid'] === manifestDigest) return compared(registers, 'mrconfigid', manifestDigest, '');
      return compared(
        registers,
        'rtmr3',
        toHex(await digest('SHA-384', concatBytes(new Uint8Array(48), value))),
        'The manifest was not measured into RTMR3 at launch, and MRCONFIGID does not name it: only the enclave itself asserts it.',
      );
    case 'snp':
      return compared(
        registers,
        'hostdata',
        await hostDataOf(manifestDigest),
        'HOST_DATA does not name the manifest: only the enclave itself asserts it.',
      );
    case 'tpm':
      return compared(
        registers,
        'pcr14',
        toHex(await digest('SHA-256', concatBytes(new Uint8Array(32), await digest('SHA-256', value)))),
        'The manifest was not measured into PCR 14 at launch: only the enclave itself asserts it.',
      );
    case 'nitro':
      return nowhere('This release reads no manifest from a Nitro document (nobody extends a PCR from 16 on with it)');
    case 'sgx':
      return nowhere('This release reads no manifest from an SGX report (nothing compares CONFIGID with it)');
  }
}

/** HOST_DATA of a guest that is launched with this manifest: SHA-256 of its digest. */
export async function hostDataOf(manifestDigest: string): Promise<string> {
  return toHex(await digest('SHA-256', fromHex(manifestDigest) ?? new Uint8Array()));
}

function compared(registers: Registers, name: string, expected: string, message: string): ManifestAnchor {
  const actual = registers[name] ?? 'no such register';
  return { anchored: actual === expected, expected, actual, message };
}

function nowhere(message: string): ManifestAnchor {
  const expected = 'a register with the digest of the manifest';
  return {
    anchored: false,
    expected,
    actual: 'no such register',
    message: `${message}: only the enclave itself asserts it.`,
  };
}
