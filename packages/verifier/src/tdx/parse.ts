/**
 * Parsing of TDX quotes: bytes to fields, no trust. The envelope is read by `../dcap/quote.ts`;
 * here stands the body, a TD report of 584 bytes (TD 1.0) or 648 (TD 1.5), little-endian (Intel TDX
 * DCAP Quoting Library API, "TD Quote Body").
 *
 * @module
 */
import { hexOf } from '#crypto';
import { type DcapQuote, parseQuote, TeeType } from '../dcap/quote.ts';

/** Registers and settings of a TD: bytes as lower-case hexadecimal in memory order. */
export interface TdReport {
  /** Security versions of module and platform firmware at launch; component 1 is the module's major version. */
  readonly teeTcbSvn: readonly number[];
  /** The same of what runs now; `undefined` in TD 1.0, which does not say. */
  readonly teeTcbSvn2: readonly number[] | undefined;
  readonly mrseam: string;
  readonly mrsignerseam: string;
  readonly seamAttributes: string;
  readonly tdAttributes: bigint;
  readonly xfam: bigint;
  /** Hash of the service TDs that are bound to the TD; `undefined` in TD 1.0, which has none. */
  readonly mrservicetd: string | undefined;
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

/** What TD 1.5 adds behind the report data. */
const REGISTERS_1_5 = { teetcbsvn2: [584, 16], mrservicetd: [600, 48] } as const;

type Place = readonly [offset: number, length: number];

const REPORT_DATA: Place = [520, 64];

/**
 * Reads a TDX quote.
 *
 * @throws MalformedEvidenceError for anything but one well-formed quote of a supported version.
 */
export function parseTdxQuote(bytes: Uint8Array<ArrayBuffer>): TdxQuote {
  const envelope = parseQuote(bytes, TeeType.tdx, FORMAT_CHECK);
  return { envelope, report: readReport(envelope.body, envelope.bodyKind === 'td-1.5') };
}

function readReport(body: Uint8Array<ArrayBuffer>, is15: boolean): TdReport {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const bytesAt = ([offset, length]: Place): readonly number[] => [...body.subarray(offset, offset + length)];
  // Written out once for all registers, which are parts of it.
  const hex = hexOf(body);
  const hexAt = ([offset, length]: Place): string => hex.slice(2 * offset, 2 * (offset + length));
  const places: readonly (readonly [string, Place])[] = Object.entries(
    is15 ? { ...REGISTERS, ...REGISTERS_1_5 } : REGISTERS,
  );
  const registers: Record<string, string> = {};
  for (const [name, place] of places) registers[name] = hexAt(place);
  const register = (name: keyof typeof REGISTERS): string => registers[name] ?? '';
  return {
    teeTcbSvn: bytesAt(REGISTERS.teetcbsvn),
    teeTcbSvn2: is15 ? bytesAt(REGISTERS_1_5.teetcbsvn2) : undefined,
    mrseam: register('mrseam'),
    mrsignerseam: register('mrsignerseam'),
    seamAttributes: register('seamattributes'),
    tdAttributes: view.getBigUint64(REGISTERS.tdattributes[0], true),
    xfam: view.getBigUint64(REGISTERS.xfam[0], true),
    mrservicetd: registers['mrservicetd'],
    registers,
    reportData: hexAt(REPORT_DATA),
  };
}
