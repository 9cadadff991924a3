/**
 * Which machine a report is from, as far as it decides which endorsements are needed.
 *
 * @module
 */
import type { SnpProduct } from './product.ts';

/** What decides which endorsements are needed. Not authenticated; hexadecimal in lower case. */
export interface SnpPlatform {
  readonly technology: 'snp';
  /** One where the report names it; else all that it may be, likeliest first. */
  readonly products: readonly SnpProduct[];
  /** A VLEK is given by the cloud provider and cannot be fetched. */
  readonly signer: 'vcek' | 'vlek';
  /** CHIP_ID, 64 bytes; zero where the host masks it. */
  readonly chipId: string;
  /** REPORTED_TCB, 8 bytes. */
  readonly reportedTcb: string;
}
