/**
 * Trust anchors of DCAP evidence: TDX and SGX.
 *
 * A root is recognised by its public key. Names decide nothing: anybody can make a certificate
 * whose subject says "Intel SGX Root CA".
 *
 * @module
 */

/** A root that the caller or this release stands behind. */
export interface TrustAnchor {
  /** Appears in results, such as `intel-sgx-root`. */
  readonly name: string;
  /** 64 bytes x ‖ y on P-256. */
  readonly publicKey: Uint8Array;
  /** Evidence under a simulator's root is never `verified`. */
  readonly simulator: boolean;
}

/** A subject that begins with this says by itself that it is no TEE. It explains a refusal and grants nothing. */
export const SIMULATOR_MARKER = 'Vitrine Simulator';

/**
 * Intel SGX Root CA, valid 2018-05-21 to 2049-12-31, serial 22650cd65a9d3489f383b49552bf501b392706ac.
 * Published at https://certificates.trustedservices.intel.com/IntelSGXRootCA.der; SHA-256 of that file:
 * {@link INTEL_SGX_ROOT_FINGERPRINT}.
 */
const INTEL_SGX_ROOT_KEY = Uint8Array.from([
  0x0b, 0xa9, 0xc4, 0xc0, 0xc0, 0xc8, 0x61, 0x93, 0xa3, 0xfe, 0x23, 0xd6, 0xb0, 0x2c, 0xda, 0x10, 0xa8, 0xbb, 0xd4,
  0xe8, 0x8e, 0x48, 0xb4, 0x45, 0x85, 0x61, 0xa3, 0x6e, 0x70, 0x55, 0x25, 0xf5, 0x67, 0x91, 0x8e, 0x2e, 0xdc, 0x88,
  0xe4, 0x0d, 0x86, 0x0b, 0xd0, 0xcc, 0x4e, 0xe2, 0x6a, 0xac, 0xc9, 0x88, 0xe5, 0x05, 0xa9, 0x53, 0x55, 0x8c, 0x45,
  0x3f, 0x6b, 0x09, 0x04, 0xae, 0x73, 0x94,
]);

/** SHA-256 of the DER certificate, lower-case hexadecimal. */
export const INTEL_SGX_ROOT_FINGERPRINT = '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3';

/** The roots of real hardware with Intel TDX or SGX. */
export const INTEL_ANCHORS: readonly TrustAnchor[] = [
  { name: 'intel-sgx-root', publicKey: INTEL_SGX_ROOT_KEY, simulator: false },
];
