/**
 * What a user who sits at this machine can give to `verify` and `add` for the server that was just started, as
 * flags, with the files that they name. On a real TEE that is nothing: there, reference values come from whoever
 * built the image, and never from the machine that is to be verified.
 *
 * @module
 */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EvidenceService, encodePem } from '@vitrine/attester';
import { UsageError, VitrineError } from '@vitrine/documents';
import { simulatedReferenceValues } from '@vitrine/simulator';
import { VERSION } from '../version.ts';
import type { PlatformName } from './choice.ts';

/** @param directory - Where the files of this server's runs are. */
export async function trustFlags(
  platform: PlatformName,
  directory: string,
  manifestDigest: string,
  evidence: EvidenceService,
): Promise<readonly string[]> {
  if (platform === 'simulator') {
    // The digest is in the name: another configuration must not silently become what an old line compares with.
    const file = join(directory, `reference-values-${manifestDigest.slice(0, 16)}.json`);
    const values = simulatedReferenceValues(VERSION, manifestDigest);
    write(directory, file, `${JSON.stringify(values, null, 2)}\n`);
    return ['--allow-simulator', '--reference', file];
  }
  if (platform === 'tpm') {
    const file = join(directory, 'tpm-ak.pem');
    write(directory, file, await attestationKey(evidence));
    return ['--tpm-ak', file];
  }
  return [];
}

/** Whole or not at all: a user may be reading it for a former start. */
function write(directory: string, file: string, content: string): void {
  const whole = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(whole, content, { mode: 0o600 });
    renameSync(whole, file);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
    throw new UsageError(
      'platform.files',
      `${file} cannot be written (${code}), and what verifies this server is told there; make its folder writable, or name another with VITRINE_HOME`,
      { cause },
    );
  }
}

/** The key that the TPM of this machine signs with, as its own evidence says it: good for who trusts the machine. */
async function attestationKey(evidence: EvidenceService): Promise<string> {
  const { hardware } = await evidence.boot();
  const { ak_public: der } = JSON.parse(new TextDecoder().decode(hardware.bytes)) as { readonly ak_public?: unknown };
  if (typeof der !== 'string') throw new VitrineError('attester.hardware', 'the evidence of the TPM names no key');
  return encodePem('PUBLIC KEY', Uint8Array.from(Buffer.from(der, 'base64')));
}
