/**
 * The machine that the simulator pretends to be: what a PCK certificate says about a platform, and
 * the X.509 extension that says it.
 *
 * Format: Intel SGX PCK Certificate and CRL Profile Specification, extension 1.2.840.113741.1.13.1.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import {
  type CertificateExtension,
  type Der,
  derBoolean,
  derEnumerated,
  derInteger,
  derOctetString,
  derOid,
  derSequence,
} from '@vitrine/attester';

const SGX = '1.2.840.113741.1.13.1';

export interface Platform {
  /** Platform provisioning id, 16 bytes: the name of the machine. */
  readonly ppid: Uint8Array;
  /** Security version numbers of the 16 SGX TCB components. */
  readonly componentSvns: readonly number[];
  readonly pceSvn: number;
  /** 2 bytes. */
  readonly pceId: Uint8Array;
  /** Family, model, stepping, platform type and SKU, 6 bytes. */
  readonly fmspc: Uint8Array;
  /** 0 standard, 1 scalable, 2 scalable with integrity. */
  readonly sgxType: number;
  /** 16 bytes. */
  readonly platformInstanceId: Uint8Array;
  readonly dynamicPlatform: boolean;
  readonly cachedKeys: boolean;
  readonly smtEnabled: boolean;
}

/** A machine whose names are random, so that no two state directories are the same machine. */
export function createPlatform(): Platform {
  return {
    ppid: Uint8Array.from(randomBytes(16)),
    componentSvns: [8, 8, 2, 2, 4, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0],
    pceSvn: 11,
    pceId: Uint8Array.of(0, 0),
    // Visible in every listing: ASCII.
    fmspc: new TextEncoder().encode('SIMTEE'),
    sgxType: 1,
    platformInstanceId: Uint8Array.from(randomBytes(16)),
    dynamicPlatform: true,
    cachedKeys: true,
    smtEnabled: true,
  };
}

/** The extension of a PCK certificate. */
export function sgxExtension(platform: Platform): CertificateExtension {
  const svns = platform.componentSvns.map((svn, index) => field(`${SGX}.2.${index + 1}`, derInteger(svn)));
  const value = derSequence(
    field(`${SGX}.1`, derOctetString(platform.ppid)),
    field(
      `${SGX}.2`,
      derSequence(
        ...svns,
        field(`${SGX}.2.17`, derInteger(platform.pceSvn)),
        field(`${SGX}.2.18`, derOctetString(Uint8Array.from(platform.componentSvns))),
      ),
    ),
    field(`${SGX}.3`, derOctetString(platform.pceId)),
    field(`${SGX}.4`, derOctetString(platform.fmspc)),
    field(`${SGX}.5`, derEnumerated(platform.sgxType)),
    field(`${SGX}.6`, derOctetString(platform.platformInstanceId)),
    field(
      `${SGX}.7`,
      derSequence(
        field(`${SGX}.7.1`, derBoolean(platform.dynamicPlatform)),
        field(`${SGX}.7.2`, derBoolean(platform.cachedKeys)),
        field(`${SGX}.7.3`, derBoolean(platform.smtEnabled)),
      ),
    ),
  );
  return { oid: SGX, critical: false, value };
}

function field(oid: string, value: Der): Der {
  return derSequence(derOid(oid), value);
}
