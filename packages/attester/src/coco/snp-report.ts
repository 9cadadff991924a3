/**
 * The SEV-SNP report that a CoCo attestation agent shows: it takes the firmware's 1,184 bytes apart into JSON, and
 * here they are put together again, since only they are what the chip signed.
 *
 * Nothing is lost where the reserved bytes are zero, as the firmware's specification demands: every other byte has its
 * member. That includes the three TCB layouts, which `fmc` tells apart: a number from Turin on, `null` before. A
 * report that has something in reserved bytes comes out changed, and its signature fails at every verifier.
 *
 * Layout: SEV-SNP Firmware ABI Specification (AMD 56860), table "ATTESTATION_REPORT", versions 2 to 5.
 *
 * @module
 */
import type { JsonValue } from '@vitrine/documents';
import { asObject, type JsonMembers, unexpected } from '../http-json.ts';
import { byteList } from './guest.ts';

const SNP_REPORT_BYTES = 0x4a0;
const WHAT = 'the SEV-SNP report of the attestation agent';

const MEMBERS: readonly string[] = [
  'version',
  'guest_svn',
  'policy',
  'family_id',
  'image_id',
  'vmpl',
  'sig_algo',
  'current_tcb',
  'plat_info',
  'key_info',
  'report_data',
  'measurement',
  'host_data',
  'id_key_digest',
  'author_key_digest',
  'report_id',
  'report_id_ma',
  'reported_tcb',
  'cpuid_fam_id',
  'cpuid_mod_id',
  'cpuid_step',
  'chip_id',
  'committed_tcb',
  'current',
  'committed',
  'launch_tcb',
  'launch_mit_vector',
  'current_mit_vector',
  'signature',
];

const TEXTS: readonly (readonly [name: string, offset: number, length: number])[] = [
  ['family_id', 0x10, 16],
  ['image_id', 0x20, 16],
  ['report_data', 0x50, 64],
  ['measurement', 0x90, 48],
  ['host_data', 0xc0, 32],
  ['id_key_digest', 0xe0, 48],
  ['author_key_digest', 0x110, 48],
  ['report_id', 0x140, 32],
  ['report_id_ma', 0x160, 32],
  ['chip_id', 0x1a0, 64],
];

/**
 * The report's bytes.
 *
 * @param value - The member `attestation_report` of the evidence.
 * @throws VitrineError `attester.hardware` for anything that could not be put together without guessing.
 */
export function encodeSnpReport(value: JsonValue | undefined): Uint8Array<ArrayBuffer> {
  const report = asObject(value, WHAT);
  // A member that is not known could stand for signed bytes that would be zero here.
  const unknown = Object.keys(report).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) throw unexpected(`${WHAT} has a member ${JSON.stringify(unknown)}, which is not known`);
  const bytes = new Uint8Array(SNP_REPORT_BYTES);
  const view = new DataView(bytes.buffer);
  const version = number(report, 'version', 0xffffffff);
  if (version < 2 || version > 5) throw unexpected(`${WHAT} has version ${version}; supported: 2 to 5`);
  view.setUint32(0x00, version, true);
  view.setUint32(0x04, number(report, 'guest_svn', 0xffffffff), true);
  view.setBigUint64(0x08, BigInt(number(report, 'policy', Number.MAX_SAFE_INTEGER)), true);
  view.setUint32(0x30, number(report, 'vmpl', 0xffffffff), true);
  view.setUint32(0x34, number(report, 'sig_algo', 0xffffffff), true);
  view.setBigUint64(0x40, BigInt(number(report, 'plat_info', Number.MAX_SAFE_INTEGER)), true);
  view.setUint32(0x48, number(report, 'key_info', 0xffffffff), true);
  for (const [name, offset, length] of TEXTS) bytes.set(byteList(report[name], length, `"${name}" of ${WHAT}`), offset);
  bytes.set(tcb(report, 'current_tcb'), 0x38);
  bytes.set(tcb(report, 'reported_tcb'), 0x180);
  bytes.set(tcb(report, 'committed_tcb'), 0x1e0);
  bytes.set(tcb(report, 'launch_tcb'), 0x1f0);
  ['cpuid_fam_id', 'cpuid_mod_id', 'cpuid_step'].forEach((name, index) => {
    bytes[0x188 + index] = present(report, name, version >= 3) ? number(report, name, 255) : 0;
  });
  bytes.set(firmware(report, 'current'), 0x1e8);
  bytes.set(firmware(report, 'committed'), 0x1ec);
  ['launch_mit_vector', 'current_mit_vector'].forEach((name, index) => {
    if (!present(report, name, version >= 5)) return;
    view.setBigUint64(0x1f8 + 8 * index, BigInt(number(report, name, Number.MAX_SAFE_INTEGER)), true);
  });
  const signature = asObject(report['signature'], `"signature" of ${WHAT}`);
  bytes.set(byteList(signature['r'], 72, `"r" of ${WHAT}`), 0x2a0);
  bytes.set(byteList(signature['s'], 72, `"s" of ${WHAT}`), 0x2e8);
  return bytes;
}

/** Whether a member has a value, which it must exactly where the version has such a field; older agents leave it out. */
function present(report: JsonMembers, name: string, expected: boolean): boolean {
  const there = report[name] !== undefined && report[name] !== null;
  if (there === expected) return there;
  throw unexpected(`"${name}" of ${WHAT} does not fit its version`);
}

function tcb(report: JsonMembers, name: string): Uint8Array {
  const parts = asObject(report[name], `"${name}" of ${WHAT}`);
  const part = (one: string): number => number(parts, one, 255);
  const [bootloader, tee, snp, microcode] = [part('bootloader'), part('tee'), part('snp'), part('microcode')];
  const turin = parts['fmc'] !== undefined && parts['fmc'] !== null;
  return turin
    ? Uint8Array.of(part('fmc'), bootloader, tee, snp, 0, 0, 0, microcode)
    : Uint8Array.of(bootloader, tee, 0, 0, 0, 0, snp, microcode);
}

/** Build, minor, major, as they stand in memory. */
function firmware(report: JsonMembers, name: string): Uint8Array {
  const parts = asObject(report[name], `"${name}" of ${WHAT}`);
  return Uint8Array.of(number(parts, 'build', 255), number(parts, 'minor', 255), number(parts, 'major', 255));
}

function number(members: JsonMembers, name: string, maximum: number): number {
  const value = members[name];
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= maximum) return value;
  throw unexpected(`"${name}" of ${WHAT} is not a whole number up to ${maximum}`);
}
