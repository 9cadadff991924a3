/**
 * What runs inside a TEE to collect Evidence: the evidence service with its typed requests, the
 * interface of the hardware behind it, and the enclave's TLS identity.
 *
 * @module
 */
export {
  algorithmIdentifier,
  authorityKeyIdentifier,
  basicConstraints,
  type CertificateExtension,
  type CertificateFields,
  crlDistributionPoint,
  type DistinguishedName,
  ECDSA_WITH_SHA256,
  encodeCertificate,
  encodeExtensions,
  encodeName,
  type KeyUsage,
  keyUsage,
  NO_EXPIRY,
  serverAuthentication,
  subjectKeyIdentifier,
} from './certificate-encode.ts';
export {
  type Der,
  derBitString,
  derBoolean,
  derContext,
  derContextPrimitive,
  derEnumerated,
  derGeneralizedTime,
  derInteger,
  derNamedBits,
  derOctetString,
  derOid,
  derPrintableString,
  derSequence,
  derSet,
  derTime,
  derUnsigned,
  derUtcTime,
  derUtf8String,
} from './der-encode.ts';
export {
  type AttestedKeys,
  type ChannelRequest,
  createEvidenceService,
  type EvidenceService,
  type EvidenceServiceOptions,
} from './evidence-service.ts';
export { createInstanceIdentity, type InstanceIdentity } from './instance-certificate.ts';
export { encodePem } from './pem.ts';
export type { QuoteSource } from './quote-source.ts';
export type { RootSecretSource } from './root-secret.ts';
