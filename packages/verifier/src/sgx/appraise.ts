/**
 * Appraisal of authenticated SGX claims against a policy: settings of the enclave, which enclave it
 * is, machine, and firmware. No I/O and no clock.
 *
 * ATTRIBUTES, MISCSELECT and the report's fields: Intel SDM, volume 3D, "SGX Data Structures".
 *
 * @module
 */
import { fromHex } from '@vitrine/documents/evidence';
import type { Authenticated } from '../authenticated.ts';
import { appraisePlatform } from '../dcap/appraise-platform.ts';
import { type AvailableEndorsements, appraiseTcb, type TcbAppraisal, tcbChecks } from '../dcap/appraise-tcb.ts';
import { failed, passed, showBits, waived } from '../dcap/findings.ts';
import type { Check } from '../result.ts';
import type { SgxClaims } from './authenticate.ts';
import type { SgxPolicy } from './policy.ts';

export const APPRAISAL_CHECKS: readonly string[] = [
  'sgx.debug',
  'sgx.attributes',
  'sgx.miscselect',
  'sgx.kss',
  'sgx.identity',
  'sgx.platform',
  ...tcbChecks('sgx'),
];

/** Flags in the first 8 bytes of ATTRIBUTES. */
const INIT = 1n << 0n;
const DEBUG = 1n << 1n;
const MODE64 = 1n << 2n;
const PROVISION_KEY = 1n << 4n;
const EINITTOKEN_KEY = 1n << 5n;
const KSS = 1n << 7n;
const AEX_NOTIFY = 1n << 10n;

/** x87 and SSE, without which XFRM is not valid. */
const XFRM_FIXED_1 = 0x3n;

/** Appraises authenticated claims for `now`; one check per id of {@link APPRAISAL_CHECKS}, in this order. */
export function appraiseSgx(
  claims: Authenticated<SgxClaims>,
  endorsements: AvailableEndorsements,
  policy: SgxPolicy,
  now: Date,
): TcbAppraisal {
  const tcb = appraiseTcb({ technology: 'sgx', claims }, endorsements, policy, now);
  const settings = [
    debugCheck(claims, policy),
    attributesCheck(claims, policy),
    miscselectCheck(claims, policy),
    kssCheck(claims, policy),
    identityCheck(claims, policy),
    appraisePlatform('sgx', claims, policy),
  ].map((check): Check => ({ ...check, anchor: claims.anchor.name }));
  return { ...tcb, checks: [...settings, ...tcb.checks] };
}

function debugCheck({ report }: SgxClaims, policy: SgxPolicy): Check {
  const id = 'sgx.debug';
  const difference = { expected: 'DEBUG not set', actual: report.debug ? 'DEBUG set' : 'DEBUG not set' };
  if (policy.debug === 'any') return waived(id, 'The policy accepts an enclave that its host may debug.', difference);
  return report.debug
    ? failed(id, 'The host can read and change the memory of this enclave: DEBUG is set.', difference)
    : passed(id, 'The host cannot debug this enclave.', difference);
}

function attributesCheck({ report }: SgxClaims, { provisionKey }: SgxPolicy): Check {
  const id = 'sgx.attributes';
  const { flags, xfrm } = attributesOf(report.attributes);
  const allowed = INIT | DEBUG | MODE64 | KSS | AEX_NOTIFY | (provisionKey === 'any' ? PROVISION_KEY : 0n);
  const faults = [
    ...((flags & INIT) === 0n ? ['INIT is not set: the enclave was never finished'] : []),
    ...((flags & MODE64) === 0n ? ['MODE64 is not set: the enclave runs in 32-bit mode'] : []),
    ...((flags & PROVISION_KEY & ~allowed) === 0n ? [] : ['PROVISION_KEY is set: the enclave can name the machine']),
    ...((flags & EINITTOKEN_KEY) === 0n ? [] : ['EINITTOKEN_KEY is set, which only a launch enclave needs']),
    ...reserved(flags & ~allowed & ~PROVISION_KEY & ~EINITTOKEN_KEY),
    ...((xfrm & XFRM_FIXED_1) === XFRM_FIXED_1 ? [] : [`XFRM ${showBits(xfrm)} lacks x87 or SSE`]),
  ];
  const difference = {
    expected: `flags ${showBits(INIT | MODE64)}, none outside ${showBits(allowed)}`,
    actual: `flags ${showBits(flags)}, XFRM ${showBits(xfrm)}`,
  };
  return faults.length === 0
    ? passed(id, 'The enclave has the attributes that every enclave has, and none that is not accepted.', difference)
    : failed(id, `The attributes of the enclave are not acceptable: ${faults.join('; ')}.`, difference);
}

function reserved(bits: bigint): readonly string[] {
  return bits === 0n ? [] : [`reserved flags ${showBits(bits)} are set`];
}

function attributesOf(attributes: string): { readonly flags: bigint; readonly xfrm: bigint } {
  const bytes = fromHex(attributes) ?? new Uint8Array(16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return { flags: view.getBigUint64(0, true), xfrm: view.getBigUint64(8, true) };
}

function miscselectCheck({ report }: SgxClaims, { miscselect }: SgxPolicy): Check {
  const id = 'sgx.miscselect';
  const actual = report.miscSelect;
  if (miscselect === 'any') return waived(id, 'The policy accepts any MISCSELECT.', { actual });
  const difference = { expected: miscselect.join(' or '), actual };
  return miscselect.includes(actual)
    ? passed(id, 'MISCSELECT is one that the policy lists.', difference)
    : failed(id, 'MISCSELECT is none that the policy lists.', difference);
}

function kssCheck({ report }: SgxClaims, { kss }: SgxPolicy): Check {
  const id = 'sgx.kss';
  const { configId, configSvn, isvExtProdId, isvFamilyId } = report;
  const actual = `CONFIGID ${configId}, CONFIGSVN ${configSvn}, ISVEXTPRODID ${isvExtProdId}, ISVFAMILYID ${isvFamilyId}`;
  if (kss === 'any') {
    return waived(id, 'The policy accepts any configuration of the enclave, which its host chose.', { actual });
  }
  const difference = {
    expected: kss
      .map(
        (one) =>
          `CONFIGID ${one.configId}, CONFIGSVN of at least ${one.minimumConfigSvn}, ISVEXTPRODID ${one.isvExtProdId}, ISVFAMILYID ${one.isvFamilyId}`,
      )
      .join('; or '),
    actual,
  };
  const match = kss.some(
    (one) =>
      isAnyOr(one.configId, configId) &&
      configSvn >= one.minimumConfigSvn &&
      isAnyOr(one.isvExtProdId, isvExtProdId) &&
      isAnyOr(one.isvFamilyId, isvFamilyId),
  );
  return match
    ? passed(id, 'The configuration of the enclave is one that the policy lists.', difference)
    : failed(id, 'The configuration of the enclave is none that the policy lists.', difference);
}

function isAnyOr(accepted: string, actual: string): boolean {
  return accepted === 'any' || accepted === actual;
}

function identityCheck({ report }: SgxClaims, { identity }: SgxPolicy): Check {
  const id = 'sgx.identity';
  const { mrenclave, mrsigner, isvProdId, isvSvn } = report;
  const actual = `MRENCLAVE ${mrenclave}, MRSIGNER ${mrsigner}, ISVPRODID ${isvProdId}, ISVSVN ${isvSvn}`;
  if (identity === 'any') return waived(id, 'The policy accepts any enclave.', { actual });
  const difference = {
    expected: identity
      .map((one) =>
        one.by === 'mrenclave'
          ? `MRENCLAVE ${one.mrenclave}`
          : `MRSIGNER ${one.mrsigner}, ISVPRODID ${one.isvProdId}, ISVSVN of at least ${one.minimumIsvSvn}`,
      )
      .join('; or '),
    actual,
  };
  const match = identity.some((one) =>
    one.by === 'mrenclave'
      ? one.mrenclave === mrenclave
      : one.mrsigner === mrsigner && one.isvProdId === isvProdId && isvSvn >= one.minimumIsvSvn,
  );
  return match
    ? passed(id, 'The enclave is one that the policy lists.', difference)
    : failed(id, 'The enclave is none that the policy lists.', difference);
}
