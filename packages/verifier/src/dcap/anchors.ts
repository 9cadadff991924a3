/**
 * Trust anchors of DCAP evidence: TDX and SGX.
 *
 * A root is recognised by its public key. Names decide nothing: anybody can make a certificate
 * whose subject says "Intel SGX Root CA".
 *
 * @module
 */
import type { Certificate } from '../x509/certificate.ts';
import { parseChain } from '../x509/chain.ts';

/** A root that the caller or this release stands behind. */
export interface TrustAnchor {
  /** Appears in results, such as `intel-sgx-root`. */
  readonly name: string;
  /** 64 bytes x ‖ y on P-256. */
  readonly publicKey: Uint8Array;
  /**
   * Its certificate, where the whole of it is known. A root with the same bytes needs no proof that
   * it signed itself; any other certificate of the key does.
   */
  readonly certificate?: Certificate;
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

/** The same certificate, whole. */
const INTEL_SGX_ROOT_PEM = `-----BEGIN CERTIFICATE-----
MIICjzCCAjSgAwIBAgIUImUM1lqdNInzg7SVUr9QGzknBqwwCgYIKoZIzj0EAwIw
aDEaMBgGA1UEAwwRSW50ZWwgU0dYIFJvb3QgQ0ExGjAYBgNVBAoMEUludGVsIENv
cnBvcmF0aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJ
BgNVBAYTAlVTMB4XDTE4MDUyMTEwNDUxMFoXDTQ5MTIzMTIzNTk1OVowaDEaMBgG
A1UEAwwRSW50ZWwgU0dYIFJvb3QgQ0ExGjAYBgNVBAoMEUludGVsIENvcnBvcmF0
aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJBgNVBAYT
AlVTMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC6nEwMDIYZOj/iPWsCzaEKi7
1OiOSLRFhWGjbnBVJfVnkY4u3IjkDYYL0MxO4mqsyYjlBalTVYxFP2sJBK5zlKOB
uzCBuDAfBgNVHSMEGDAWgBQiZQzWWp00ifODtJVSv1AbOScGrDBSBgNVHR8ESzBJ
MEegRaBDhkFodHRwczovL2NlcnRpZmljYXRlcy50cnVzdGVkc2VydmljZXMuaW50
ZWwuY29tL0ludGVsU0dYUm9vdENBLmRlcjAdBgNVHQ4EFgQUImUM1lqdNInzg7SV
Ur9QGzknBqwwDgYDVR0PAQH/BAQDAgEGMBIGA1UdEwEB/wQIMAYBAf8CAQEwCgYI
KoZIzj0EAwIDSQAwRgIhAOW/5QkR+S9CiSDcNoowLuPRLsWGf/Yi7GSX94BgwTwg
AiEA4J0lrHoMs+Xo5o/sX6O9QWxHRAvZUGOdRQ7cvqRXaqI=
-----END CERTIFICATE-----
`;

/** SHA-256 of the DER certificate, lower-case hexadecimal. */
export const INTEL_SGX_ROOT_FINGERPRINT = '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3';

/** Read when it is first asked for: importing this package shall stay cheap. */
let intelRoot: Certificate | undefined;

/** The roots of real hardware with Intel TDX or SGX. */
export const INTEL_ANCHORS: readonly TrustAnchor[] = [
  {
    name: 'intel-sgx-root',
    publicKey: INTEL_SGX_ROOT_KEY,
    get certificate(): Certificate {
      intelRoot ??= parseChain(INTEL_SGX_ROOT_PEM, 1, 'Intel SGX Root CA')[0];
      return intelRoot;
    },
    simulator: false,
  },
];
