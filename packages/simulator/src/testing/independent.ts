/**
 * Independent readers of what the simulator writes: another project's DCAP verifier, and OpenSSL.
 *
 * The verifier under test elsewhere in this project is not among them, on purpose.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QuoteVerifier } from '@phala/dcap-qvl';
import type { DcapCollateral } from '@vitrine/documents';

/** TCB status that the other verifier finds under `root` (DER); it throws when it refuses. */
export function independentStatus(
  quote: Uint8Array,
  collateral: DcapCollateral,
  now: Date,
  root: Uint8Array | undefined,
): string {
  const verifier = root === undefined ? QuoteVerifier.newProd() : QuoteVerifier.newWithRootCa(Buffer.from(root));
  return verifier.verify(Buffer.from(quote), collateral, Math.floor(now.getTime() / 1000)).status;
}

/** Why OpenSSL cannot be asked, or false. */
export const withoutOpenssl: string | false =
  spawnSync('openssl', ['version']).status === 0 ? false : 'no openssl command';

/** What `openssl` says about files of the given contents; arguments name them as in `files`. */
export function openssl(
  files: Readonly<Record<string, string | Uint8Array>>,
  ...args: readonly string[]
): { readonly ok: boolean; readonly text: string } {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-openssl-'));
  try {
    for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content);
    const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: directory, encoding: 'utf8' });
    return { ok: status === 0, text: stdout + stderr };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
