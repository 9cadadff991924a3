/**
 * Appraisal of authenticated SEV-SNP claims against a policy: what is left are the rules that name
 * the guest's owner and the machine. Settings are in `appraise-settings.ts`, firmware in
 * `appraise-firmware.ts`, processor and signer in `appraise-product.ts`.
 *
 * This is the last of the verifier's three steps. It does no I/O and reads no clock, so a stored
 * result can be recomputed by anyone from the same inputs.
 *
 * @module
 */
import { toHex } from '@vitrine/documents/evidence';
import type { Authenticated } from '../authenticated.ts';
import { failed, passed, waived } from '../dcap/findings.ts';
import type { Check } from '../result.ts';
import { firmwareVersionCheck, mitigationsCheck, provisionalCheck, tcbCheck } from './appraise-firmware.ts';
import { signerCheck } from './appraise-product.ts';
import {
  aliasCheckCheck,
  ciphertextHidingCheck,
  debugCheck,
  guestPolicyCheck,
  migrationCheck,
  platformInfoCheck,
  vmplCheck,
} from './appraise-settings.ts';
import type { SnpClaims } from './authenticate.ts';
import type { SnpPolicy } from './policy.ts';

export const APPRAISAL_CHECKS = [
  'snp.signer',
  'snp.report-version',
  'snp.debug',
  'snp.migration',
  'snp.policy',
  'snp.platform-info',
  'snp.alias-check',
  'snp.ciphertext-hiding',
  'snp.vmpl',
  'snp.provisional-firmware',
  'snp.tcb',
  'snp.firmware-version',
  'snp.mitigations',
  'snp.guest-svn',
  'snp.id-keys',
  'snp.platform',
] as const;

/** Appraises authenticated claims; one check per id of {@link APPRAISAL_CHECKS}, in this order. */
export function appraiseSnp(claims: Authenticated<SnpClaims>, policy: SnpPolicy): readonly Check[] {
  const { report } = claims;
  return [
    signerCheck(report, policy),
    versionCheck(claims, policy),
    debugCheck(report, policy),
    migrationCheck(report, policy),
    guestPolicyCheck(report, policy),
    platformInfoCheck(report, policy),
    aliasCheckCheck(report, policy),
    ciphertextHidingCheck(report, policy),
    vmplCheck(report, policy),
    provisionalCheck(claims, policy),
    tcbCheck(claims, policy),
    firmwareVersionCheck(claims, policy),
    mitigationsCheck(claims, policy),
    guestSvnCheck(claims, policy),
    idKeysCheck(claims, policy),
    platformCheck(claims, policy),
  ].map((check): Check => ({ ...check, anchor: claims.anchor.name }));
}

function versionCheck({ report }: SnpClaims, { minimumReportVersion: minimum }: SnpPolicy): Check {
  const id = 'snp.report-version';
  const difference = { expected: `at least ${minimum}`, actual: String(report.version) };
  return report.version >= minimum
    ? passed(id, 'The report has a version that the policy accepts.', difference)
    : failed(id, 'The report has an older version than the policy accepts, which states less.', difference);
}

function guestSvnCheck({ report }: SnpClaims, { minimumGuestSvn: minimum }: SnpPolicy): Check {
  const id = 'snp.guest-svn';
  const difference = { expected: `at least ${minimum}`, actual: String(report.guestSvn) };
  return report.guestSvn >= minimum
    ? passed(id, 'The guest has a security version that the policy accepts.', difference)
    : failed(id, 'The guest is older than the policy accepts.', difference);
}

/** The keys that signed the id block with which the guest was launched. */
function idKeysCheck({ report }: SnpClaims, { idKeys, authorKeys }: SnpPolicy): Check {
  const id = 'snp.id-keys';
  const { idkeydigest = '', authorkeydigest = '' } = report.registers;
  const author = report.authorKey ? authorkeydigest : 'none';
  const actual = `id key ${idkeydigest}, author key ${author}`;
  if (idKeys === 'any' && authorKeys === 'any') {
    return waived(id, 'The policy does not ask whose guest this is.', { actual });
  }
  const show = (keys: SnpPolicy['idKeys']): string => (keys === 'any' ? 'any' : keys.join(' or '));
  const difference = { expected: `id key ${show(idKeys)}, author key ${show(authorKeys)}`, actual };
  return (idKeys === 'any' || idKeys.includes(idkeydigest)) && (authorKeys === 'any' || authorKeys.includes(author))
    ? passed(id, 'The guest was launched with keys that the policy lists.', difference)
    : failed(id, 'The guest was not launched with keys that the policy lists.', difference);
}

/** By the certificate, not by the report: AMD stands behind the former. */
function platformCheck({ leaf }: SnpClaims, { platforms, providers }: SnpPolicy): Check {
  const id = 'snp.platform';
  const accepted = leaf.kind === 'vcek' ? platforms : providers;
  const actual = leaf.hardwareId === undefined ? (leaf.providerId ?? '') : toHex(leaf.hardwareId);
  if (accepted === 'any') {
    const all = leaf.kind === 'vcek' ? 'machine' : 'fleet';
    const message = `Any ${all} of this vendor is accepted: one that was broken anywhere could stand in for this one.`;
    return waived(id, message, { actual });
  }
  if (accepted === 'listed') {
    return { id, status: 'unavailable', actual, message: 'The policy demands a list of machines and has none.' };
  }
  const difference = { expected: accepted.join(' or '), actual };
  return accepted.includes(actual)
    ? passed(id, 'This machine or fleet is one that the policy lists.', difference)
    : failed(id, 'This machine or fleet is none that the policy lists.', difference);
}
