/**
 * Endorsements that travel with evidence or lie in a file. They are signed by the hardware vendor,
 * so whoever carries them can at most withhold them.
 *
 * DCAP collateral keeps the texts as Intel signed them: they are never re-serialised.
 *
 * @module
 */
import { type Infer, list, object, oneOf, optional, type Shape, text } from './shape.ts';

const pem = text('PEM certificates');
const hexText = text('hexadecimal', /^(?:[0-9a-fA-F]{2})+$/);

/** DCAP collateral of one platform, in the JSON shape that is common among DCAP verifiers: all values are strings. */
const dcapCollateral = object({
  /** PEM: issuing CA, then root. Empty where the quote's own chain serves. */
  pck_crl_issuer_chain: text('PEM certificates'),
  /** DER in hexadecimal. */
  root_ca_crl: hexText,
  /** DER in hexadecimal. */
  pck_crl: hexText,
  /** PEM: TCB signing certificate, then root. */
  tcb_info_issuer_chain: pem,
  /** The exact text that was signed. */
  tcb_info: text('TCB info'),
  /** 64 bytes r ‖ s in hexadecimal. */
  tcb_info_signature: hexText,
  qe_identity_issuer_chain: pem,
  qe_identity: text('QE identity'),
  qe_identity_signature: hexText,
});

const der = text('DER as unpadded base64url', /^[A-Za-z0-9_-]+$/);

const shape = object({
  type: oneOf('vitrine/endorsements/v1'),
  dcap: optional(list(dcapCollateral)),
  /** AMD's certificates of a machine and of the authorities above it. */
  certificates: optional(list(der)),
  revocationLists: optional(list(der)),
});

export type DcapCollateral = Infer<typeof dcapCollateral>;
export type Endorsements = Infer<typeof shape>;
export const dcapCollateralShape: Shape<DcapCollateral> = dcapCollateral;
export const endorsementsShape: Shape<Endorsements> = shape;
