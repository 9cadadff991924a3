/**
 * Launch measurements of the simulated TD. No firmware is measured, so the registers are digests of
 * labels that say so; only RTMR3 depends on what runs: the manifest digest is extended into it, as a
 * real launch would.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { fromHex, UsageError } from '@vitrine/documents';
import type { TdClaims } from './td-body.ts';

/** SHA-384 values, lower-case hexadecimal, as reference values name them. */
export interface Registers {
  readonly mrtd: string;
  readonly rtmr0: string;
  readonly rtmr1: string;
  readonly rtmr2: string;
  readonly rtmr3: string;
}

/** Registers after launching `release` with the manifest of that SHA-384 digest, lower-case hexadecimal. */
export function launchRegisters(release: string, manifestDigest: string): Registers {
  const digest = fromHex(manifestDigest);
  if (digest?.length !== 48) {
    throw new UsageError(
      'simulator.manifest-digest',
      `expected a manifest digest of 96 lower-case hexadecimal digits, found ${JSON.stringify(manifestDigest)}`,
    );
  }
  const label = (register: string): string => sha384(`vitrine simulator ${release}, not measured: ${register}`);
  return {
    mrtd: label('mrtd'),
    rtmr0: label('rtmr0'),
    rtmr1: label('rtmr1'),
    rtmr2: label('rtmr2'),
    rtmr3: sha384(new Uint8Array(48), digest),
  };
}

/** The same as bytes, with the measurement of the TDX module that the simulator does not have. */
export function registerClaims(registers: Registers, reportData: Uint8Array): TdClaims {
  const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
  return {
    mrSeam: bytes(sha384('vitrine simulator, no TDX module')),
    mrTd: bytes(registers.mrtd),
    rtmr0: bytes(registers.rtmr0),
    rtmr1: bytes(registers.rtmr1),
    rtmr2: bytes(registers.rtmr2),
    rtmr3: bytes(registers.rtmr3),
    reportData,
  };
}

function sha384(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha384');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
