/**
 * Where hardware evidence comes from: one TEE's way to have 64 bytes of report data signed.
 *
 * A quote source signs whatever bytes it is given, so whoever holds it can speak for the enclave.
 * It is handed to the evidence service alone, which computes every report data itself; gateway and
 * server never see it.
 *
 * @module
 */
import type { Endorsements, LaunchDocument } from '@vitrine/documents';

export interface QuoteSource {
  /** What makes the evidence, such as `tdx`: the technology of the bundle's hardware evidence. */
  readonly technology: string;
  /**
   * Evidence in the technology's own format over exactly 64 bytes of report data. A TPM has room for less, and
   * takes SHA-256 of the 64 as its qualifying data.
   *
   * @throws VitrineError `attester.busy` where the hardware had no time for it, `attester.hardware` where it failed.
   */
  quote(reportData: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  /** Endorsements to send along, so that a verifier need not fetch them; `undefined` where the source has none. */
  endorsements(): Promise<Endorsements | undefined>;
  /** What was extended into run-time registers, raw, in the format of whoever keeps the log; absent where nobody does. */
  eventLog?(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** What the platform launched the workload by; absent where there is no such document. */
  launch?(): Promise<LaunchDocument | undefined>;
}
