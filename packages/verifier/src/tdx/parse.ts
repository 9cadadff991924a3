/**
 * Parsing of TDX quotes: bytes to fields, no trust. The envelope is read by `../dcap/quote.ts`;
 * here stands the body, a TD report of 584 bytes (Intel TDX DCAP Quoting Library API, "TD Quote
 * Body", TD 1.0).
 *
 * @module
 */
import { toHex } from '@vitrine/documents';
import { type DcapQuote, parseQuote, TeeType } from '../dcap/quote.ts';

/** Registers and settings of a TD: bytes as lower-case hexadecimal in memory order. */
export interface TdReport {
  /** Security versions of module and platform firmware; component 1 is the module's major version. */
  readonly teeTcbSvn: readonly number[];
  readonly mrseam: string;
  readonly mrsignerseam: string;
  readonly seamAttributes: string;
  readonly tdAttributes: bigint;
  readonly xfam: bigint;
  /** Every register of the body by its lower-case name, `mrtd`, `rtmr0` and so on. */
  readonly registers: Readonly<Record<string, string>>;
  readonly reportData: string;
}

export interface TdxQuote {
  readonly envelope: DcapQuote;
  readonly report: TdReport;
}

export const FORMAT_CHECK = 'tdx.format';

/** Offset and length of each register in the body. */
const REGISTERS = {
  teetcbsvn: [0, 16],
  mrseam: [16, 48],
  mrsignerseam: [64, 48],
  seamattributes: [112, 8],
  tdattributes: [120, 8],
  xfam: [128, 8],
  mrtd: [136, 48],
  mrconfigid: [184, 48],
  mrowner: [232, 48],
  mrownerconfig: [280, 48],
  rtmr0: [328, 48],
  rtmr1: [376, 48],
  rtmr2: [424, 48],
  rtmr3: [472, 48],
} as const;

const REPORT_DATA_OFFSET = 520;
const REPORT_DATA_BYTES = 64;

/**
 * Reads a TDX quote.
 *
 * @throws MalformedEvidenceError for anything but one well-formed quote of a supported version.
 */
export function parseTdxQuote(bytes: Uint8Array<ArrayBuffer>): TdxQuote {
  const envelope = parseQuote(bytes, TeeType.tdx, FORMAT_CHECK);
  return { envelope, report: readReport(envelope.body) };
}

function readReport(body: Uint8Array<ArrayBuffer>): TdReport {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const register = (name: keyof typeof REGISTERS): string => {
    const [offset, length] = REGISTERS[name];
    return toHex(body.subarray(offset, offset + length));
  };
  const names = Object.keys(REGISTERS) as (keyof typeof REGISTERS)[];
  return {
    teeTcbSvn: [...body.subarray(0, 16)],
    mrseam: register('mrseam'),
    mrsignerseam: register('mrsignerseam'),
    seamAttributes: register('seamattributes'),
    tdAttributes: view.getBigUint64(REGISTERS.tdattributes[0], true),
    xfam: view.getBigUint64(REGISTERS.xfam[0], true),
    registers: Object.fromEntries(names.map((name) => [name, register(name)])),
    reportData: toHex(body.subarray(REPORT_DATA_OFFSET, REPORT_DATA_OFFSET + REPORT_DATA_BYTES)),
  };
}
