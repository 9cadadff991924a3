/**
 * PEM chains as DCAP carries them (RFC 7468): the certificates one after another, nothing else.
 *
 * No byte may stand outside the certificates but one of the endings that real chains have, and
 * base64 must be canonical, so that one chain has few texts and no hidden ones.
 *
 * @module
 */
import { refuse } from '../refusal.ts';

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const NOT_BASE64 = 0xff;
const VALUES: Uint8Array = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = ALPHABET.indexOf(String.fromCharCode(code));
  return value < 0 ? NOT_BASE64 : value;
});

/** How chains end in files and in answers of Intel's service. */
const FILE_ENDINGS: readonly string[] = ['', '\n', '\n\n'];
/** How chains end inside quotes: some writers count the NUL of a C string. */
export const QUOTE_ENDINGS: readonly string[] = ['', '\n', '\n\0'];

/** A chain of three certificates has about 4 kB. */
const MAX_PEM_CHARACTERS = 50_000;

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
  if (text.length > MAX_PEM_CHARACTERS) refuse(`${what}: longer than ${MAX_PEM_CHARACTERS} characters`);
  if (!text.startsWith(BEGIN)) refuse(`${what}: not PEM certificates`);
  if (text.includes('\r') && /(?<!\r)\n|\r(?!\n)/.test(text)) refuse(`${what}: mixed line ends`);
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const certificates: Uint8Array<ArrayBuffer>[] = [];
  let line = 0;
  while (lines[line] === BEGIN) {
    const end = lines.indexOf(END, line);
    if (end < 0) refuse(`${what}: certificate without an end line`);
    certificates.push(decodeLines(lines.slice(line + 1, end), what));
    line = end + 1;
  }
  const ending = lines
    .slice(line)
    .map((left) => `\n${left}`)
    .join('');
  if (!endings.includes(ending)) refuse(`${what}: text that belongs to no PEM certificate`);
  if (certificates.length !== count) {
    refuse(`${what}: wrong number of certificates`, { expected: String(count), actual: String(certificates.length) });
  }
  return certificates;
}

function decodeLines(lines: readonly string[], what: string): Uint8Array<ArrayBuffer> {
  // Full lines have one length, so a line break cannot wander.
  const width = lines[0]?.length ?? 0;
  const even = lines.every((line, index) => (index < lines.length - 1 ? line.length === width : line.length <= width));
  if (width === 0 || !even || lines.at(-1) === '') refuse(`${what}: malformed lines in a PEM certificate`);
  return decodeBase64(lines.join('')) ?? refuse(`${what}: malformed base64 in a PEM certificate`);
}

/** Bytes of canonical padded base64 (RFC 4648, section 4). */
function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const digits = text.length - padding;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let buffer = 0;
  let bits = 0;
  let written = 0;
  for (let index = 0; index < digits; index++) {
    const value = VALUES[text.charCodeAt(index)] ?? NOT_BASE64;
    if (value === NOT_BASE64) return undefined;
    buffer = ((buffer << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[written++] = (buffer >> bits) & 0xff;
  }
  return (buffer & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}
