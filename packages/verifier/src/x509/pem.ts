/**
 * PEM chains as DCAP carries them (RFC 7468): the certificates one after another, nothing else.
 *
 * No byte may stand outside the certificates but one of the endings that real chains have, and
 * base64 must be canonical, so that one chain has few texts and no hidden ones.
 *
 * @module
 */
import { bytesOfBase64 } from '#crypto';
import { refuse } from '../refusal.ts';

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';
const LINE_END = 0x0a;

/** How chains end in files and in answers of Intel's service. */
const FILE_ENDINGS: readonly string[] = ['', '\n', '\n\n'];
/** How chains end inside quotes: some writers count the NUL of a C string. */
export const QUOTE_ENDINGS: readonly string[] = ['', '\n', '\n\0'];

/** A chain of three certificates has about 4 kB. */
const MAX_PEM_CHARACTERS = 50_000;

/** One certificate of a chain: the lines between those around it, and what they encode. */
export interface PemCertificate {
  readonly lines: string;
  readonly der: Uint8Array<ArrayBuffer>;
}

/**
 * DER of exactly `count` certificates.
 *
 * @param what - Names the chain in refusals.
 * @param endings - What may follow the last certificate.
 * @throws RefusalError
 */
export function parsePemChain(
  text: string,
  count: number,
  what: string,
  endings: readonly string[] = FILE_ENDINGS,
): readonly Uint8Array<ArrayBuffer>[] {
  return readPemChain(text, count, what, endings).map(({ der }) => der);
}

/**
 * The same together with the lines.
 *
 * @param known - Certificates that were read before; equal lines are not decoded again.
 * @throws RefusalError
 */
export function readPemChain(
  text: string,
  count: number,
  what: string,
  endings: readonly string[] = FILE_ENDINGS,
  known: readonly Partial<PemCertificate>[] = [],
): readonly PemCertificate[] {
  if (text.length > MAX_PEM_CHARACTERS) refuse(`${what}: longer than ${MAX_PEM_CHARACTERS} characters`);
  if (!text.startsWith(BEGIN)) refuse(`${what}: not PEM certificates`);
  if (text.includes('\r') && /(?<!\r)\n|\r(?!\n)/.test(text)) refuse(`${what}: mixed line ends`);
  const plain = text.replaceAll('\r\n', '\n');
  const certificates: PemCertificate[] = [];
  // Where the line after a certificate would begin.
  let line = 0;
  while (isLine(plain, line, BEGIN)) {
    const start = line + BEGIN.length + 1;
    const end = findLine(plain, start, END);
    if (end < 0) refuse(`${what}: certificate without an end line`);
    const lines = plain.slice(start, Math.max(start, end - 1));
    const der = known.find((one) => one.lines === lines)?.der ?? decodeLines(lines, what);
    certificates.push({ lines, der });
    line = end + END.length + 1;
  }
  if (!endings.includes(plain.slice(Math.max(0, line - 1)))) refuse(`${what}: text that belongs to no PEM certificate`);
  if (certificates.length !== count) {
    refuse(`${what}: wrong number of certificates`, { expected: String(count), actual: String(certificates.length) });
  }
  return certificates;
}

/** Whether one of the lines of `text` begins at `start`, the beginning of a line, and is `line`. */
function isLine(text: string, start: number, line: string): boolean {
  const end = start + line.length;
  return text.startsWith(line, start) && (end === text.length || text.charCodeAt(end) === LINE_END);
}

/** Where the first line from `start`, the beginning of a line, begins that is `line`; -1 for none. */
function findLine(text: string, start: number, line: string): number {
  for (let found = text.indexOf(line, start); found >= 0; found = text.indexOf(line, found + 1)) {
    if (text.charCodeAt(found - 1) === LINE_END && isLine(text, found, line)) return found;
  }
  return -1;
}

function decodeLines(lines: string, what: string): Uint8Array<ArrayBuffer> {
  const base64 = lines.replaceAll('\n', '');
  const breaks = lines.length - base64.length;
  const width = breaks === 0 ? lines.length : lines.indexOf('\n');
  const last = lines.length - breaks * (width + 1);
  // Full lines have one length, so a line break cannot wander.
  let even = width > 0 && last > 0 && last <= width;
  for (let count = 1; even && count <= breaks; count++) even = lines.charCodeAt(count * (width + 1) - 1) === LINE_END;
  if (!even) refuse(`${what}: malformed lines in a PEM certificate`);
  return bytesOfBase64(base64) ?? refuse(`${what}: malformed base64 in a PEM certificate`);
}
