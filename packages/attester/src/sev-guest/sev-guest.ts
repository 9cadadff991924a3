/**
 * What an SEV-SNP guest can ask of AMD's secure processor, whoever carries the request: the device of the kernel
 * (`device.ts`) or an emulator.
 *
 * @module
 */

/** What a derived key depends on, beside the chip and the root key. */
export type DerivedKeyField =
  | 'policy'
  | 'image-id'
  | 'family-id'
  | 'measurement'
  | 'guest-svn'
  | 'tcb-version'
  | 'launch-mitigations';

/** Bits of GUEST_FIELD_SELECT (SEV-SNP Firmware ABI Specification, AMD 56860, "MSG_KEY_REQ"). */
export const FIELD_BITS: Readonly<Record<DerivedKeyField, bigint>> = {
  policy: 0n,
  'image-id': 1n,
  'family-id': 2n,
  measurement: 3n,
  'guest-svn': 4n,
  'tcb-version': 5n,
  'launch-mitigations': 6n,
};

export interface DerivedKeyRequest {
  /** `vcek` is the chip's key at its TCB version; `vmrk` comes from a migration agent. */
  readonly rootKey: 'vcek' | 'vmrk';
  readonly fields: readonly DerivedKeyField[];
  /** Not below the level of the caller. */
  readonly vmpl: number;
  /** Mixed in where `guest-svn` is a field; at most the one of the launch. */
  readonly guestSvn: number;
  /** Mixed in where `tcb-version` is a field; at most the committed one. */
  readonly tcbVersion: bigint;
  /** Mixed in where `launch-mitigations` is a field. */
  readonly launchMitigations?: bigint;
}

export interface ExtendedReport {
  /** 1184 bytes, as the chip signed it. */
  readonly report: Uint8Array<ArrayBuffer>;
  /** The host's certificate table, see `certificate-table.ts`; empty where the host has none. */
  readonly certificates: Uint8Array<ArrayBuffer>;
}

export interface SevGuest {
  /**
   * @param reportData - 64 bytes.
   * @throws VitrineError `attester.busy` where the firmware had no time, `attester.hardware` where it failed.
   */
  extendedReport(reportData: Uint8Array, vmpl: number): Promise<ExtendedReport>;
  /** 32 bytes, which the caller may overwrite. @throws VitrineError as {@link SevGuest.extendedReport} does. */
  derivedKey(request: DerivedKeyRequest): Promise<Uint8Array<ArrayBuffer>>;
  /** Idempotent. */
  close(): Promise<void>;
}
