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
export { COCO_GUEST, type CocoGuest, type CocoInfo, cocoGuest, INIT_DATA_FILE } from './coco/guest.ts';
export { requireInitDataNames } from './coco/init-data.ts';
export { KBS_PROTOCOL_VERSION, type KbsOptions, kbsResource } from './coco/kbs.ts';
export { type CocoQuoteOptions, cocoQuoteSource } from './coco/quote-source.ts';
export { kbsRootSecret } from './coco/root-secret.ts';
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
export type { DeviceFiles } from './device-files.ts';
export {
  DSTACK_SOCKETS,
  type DstackAgent,
  type DstackInfo,
  type DstackQuote,
  dstackAgent,
  dstackEndpoint,
  findDstackSocket,
} from './dstack/agent.ts';
export { dstackQuoteSource, requireComposeNames, runningAppCompose } from './dstack/quote-source.ts';
export { dstackRootSecret } from './dstack/root-secret.ts';
export { type EvidenceQueueOptions, queuedQuoteSource } from './evidence-queue.ts';
export {
  type AttestedKeys,
  type ChannelRequest,
  createEvidenceService,
  type EvidenceService,
  type EvidenceServiceOptions,
} from './evidence-service.ts';
export type { AnchorAccess, AnchoredHead, FreshnessAnchor, WitnessedTime } from './freshness-anchor.ts';
export {
  type GiverEvidenceOptions,
  giverEvidence,
  type HandoverEvidence,
  type ReceiverEvidenceOptions,
  receiverEvidence,
} from './handover-evidence.ts';
export { type Endpoint, showEndpoint, type UrlEndpoint } from './http-exchange.ts';
export { createInstanceIdentity, type InstanceIdentity } from './instance-certificate.ts';
export { encodePem } from './pem.ts';
export type { QuoteSource } from './quote-source.ts';
export type { RootSecretSource } from './root-secret.ts';
export {
  readCertificateTable,
  type TableEntry,
  type TableKey,
  writeCertificateTable,
} from './sev-guest/certificate-table.ts';
export {
  type DerivedKeySourceOptions,
  ROOT_KEY_FIELDS,
  type RootKeyField,
  snpDerivedKeySource,
} from './sev-guest/derived-key-source.ts';
export { type Ffi, openSevGuest, SEV_GUEST_DEVICE } from './sev-guest/open-sev-guest.ts';
export type { DerivedKeyField, DerivedKeyRequest, ExtendedReport, SevGuest } from './sev-guest/sev-guest.ts';
export { type SevGuestQuoteSourceOptions, sevGuestQuoteSource } from './sev-guest/sev-guest-quote-source.ts';
export { MANIFEST_PCR, manifestPcr, measureIntoPcr } from './tpm/measure.ts';
export { openTpm } from './tpm/open-tpm.ts';
export { pcrPolicy, tpmPolicySigned } from './tpm/policy.ts';
export { readManufacturer } from './tpm/registers.ts';
export { TpmResponseError } from './tpm/response-code.ts';
export { type TpmCounterAnchorOptions, tpmCounterAnchor } from './tpm/tpm-counter-anchor.ts';
export {
  QUOTED_PCRS,
  type TpmQuoteSource,
  type TpmQuoteSourceOptions,
  tpmQuoteSource,
} from './tpm/tpm-quote-source.ts';
export { type TpmRootSecretOptions, tpmRootSecret } from './tpm/tpm-root-secret.ts';
export { type TpmLimits, type TpmTransport, USUAL_TPM_LIMITS } from './tpm/transport.ts';
export { type CcelEventLog, type CcelOptions, ccelEventLog } from './tsm/ccel.ts';
export { nodeDeviceFiles } from './tsm/node-device-files.ts';
export { type ManifestAnchoring, measureIntoRtmr, type RtmrOptions, TDX_MEASUREMENTS } from './tsm/rtmr.ts';
export { TSM_REPORT_ROOT, type TsmQuoteSourceOptions, tsmQuoteSource } from './tsm/tsm-quote-source.ts';
