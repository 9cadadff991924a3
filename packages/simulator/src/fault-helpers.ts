/**
 * Changes that many tests of verifiers need, ready to hand to the functions in `faults.ts`.
 *
 * @module
 */
import type { CertificateExtension } from '@vitrine/attester';
import type { CollateralChanges } from './collateral.ts';
import type { Pki } from './pki.ts';
import { type CrlDescription, revokedEntry } from './revocation-list.ts';
import type { TcbInfo, TdxModuleIdentity } from './tcb-info.ts';

/** Adds the certificate to a revocation list, as compromised since the list's date. */
export function revoking(
  which: 'root' | 'intermediate' | 'pck' | 'tcbSigning',
): (good: CrlDescription, pki: Pki) => CrlDescription {
  return (good, pki) => ({
    ...good,
    revoked: [...good.revoked, revokedEntry(pki[which].serial, good.thisUpdate)],
  });
}

/** An extension that nobody knows and everybody must: for certificates, lists and entries. */
export const unknownCritical: CertificateExtension = {
  // The arc that RFC 5612 gives to examples.
  oid: '1.3.6.1.4.1.32473.1',
  critical: true,
  value: Uint8Array.of(0x05, 0x00),
};

/** Gives the first TCB level, which the simulated machine matches, another status. */
export function withTcbStatus(tcbStatus: string, advisoryIDs: readonly string[] = []): (good: TcbInfo) => TcbInfo {
  return (good) => ({
    ...good,
    tcbLevels: good.tcbLevels.map((level, index) =>
      index === 0 ? { ...level, tcbStatus, ...(advisoryIDs.length === 0 ? {} : { advisoryIDs }) } : level,
    ),
  });
}

/** Changes the identities of TDX modules; the simulated machine runs `TDX_01` at version 6. */
export function withModuleIdentities(
  change: (good: readonly TdxModuleIdentity[]) => readonly TdxModuleIdentity[],
): (good: TcbInfo) => TcbInfo {
  return (good) => ({ ...good, tdxModuleIdentities: change(good.tdxModuleIdentities) });
}

/** `bytes` with one bit set or cleared; bit 0 is the lowest of the first byte. */
export function withBit(bytes: Uint8Array, bit: number, value: boolean): Uint8Array<ArrayBuffer> {
  const changed = Uint8Array.from(bytes);
  const mask = 1 << (bit & 7);
  const byte = changed[bit >> 3];
  if (byte === undefined) throw new RangeError(`bit ${bit} is beyond ${bytes.length} bytes`);
  changed[bit >> 3] = value ? byte | mask : byte & ~mask;
  return changed;
}

/** A signature r ‖ s with r = 0, which no ECDSA verification may accept. */
export function zeroR(signature: Uint8Array): Uint8Array<ArrayBuffer> {
  const changed = Uint8Array.from(signature);
  return changed.fill(0, 0, changed.length / 2);
}

/** The same with s = 0. */
export function zeroS(signature: Uint8Array): Uint8Array<ArrayBuffer> {
  const changed = Uint8Array.from(signature);
  return changed.fill(0, changed.length / 2);
}

/** Turns the endorsements of the simulated machine into those for SGX. Other changes go before or after. */
export const forSgx: Pick<CollateralChanges, 'tcbInfo' | 'qeIdentity'> = {
  tcbInfo: ({ tdxModule, tdxModuleIdentities, ...good }) => ({
    ...good,
    id: 'SGX',
    tcbLevels: good.tcbLevels.map(({ tcb: { tdxtcbcomponents, ...tcb }, ...level }) => ({ ...level, tcb })),
  }),
  qeIdentity: (good) => ({ ...good, id: 'QE' }),
};
