/**
 * Header and report body (TD 1.0 or TD 1.5) of a TDX quote as fields.
 *
 * Layout: Intel TDX DCAP Quoting Library API, quote format versions 4 and 5.
 *
 * @module
 */
import { concatBytes } from '@vitrine/documents';
import { TEE_TCB_SVN } from './tcb-info.ts';

export interface QuoteHeader {
  readonly version: number;
  /** 2 is ECDSA P-256, 3 is ECDSA P-384. */
  readonly attestationKeyType: number;
  /** 0x81 is TDX. */
  readonly teeType: number;
  /** 4 bytes, zero in version 4. */
  readonly reserved: Uint8Array;
  /** 16 bytes. */
  readonly qeVendorId: Uint8Array;
  /** 20 bytes. */
  readonly userData: Uint8Array;
}

/** Byte strings in the order of the layout; 16, 48, 48, 8, 8, 8, then 48 each but the last, 64. */
export interface TdBody {
  readonly teeTcbSvn: Uint8Array;
  readonly mrSeam: Uint8Array;
  readonly mrSignerSeam: Uint8Array;
  readonly seamAttributes: Uint8Array;
  readonly tdAttributes: Uint8Array;
  readonly xfam: Uint8Array;
  readonly mrTd: Uint8Array;
  readonly mrConfigId: Uint8Array;
  readonly mrOwner: Uint8Array;
  readonly mrOwnerConfig: Uint8Array;
  readonly rtmr0: Uint8Array;
  readonly rtmr1: Uint8Array;
  readonly rtmr2: Uint8Array;
  readonly rtmr3: Uint8Array;
  readonly reportData: Uint8Array;
  /** Makes it a body of TD 1.5. */
  readonly td15?: {
    /** 16 bytes. */
    readonly teeTcbSvn2: Uint8Array;
    /** 48 bytes. */
    readonly mrServiceTd: Uint8Array;
  };
}

/** The registers of a launched TD and the report data that it asks for. */
export type TdClaims = Pick<TdBody, 'mrSeam' | 'mrTd' | 'rtmr0' | 'rtmr1' | 'rtmr2' | 'rtmr3' | 'reportData'>;

/** Intel's own, which verifiers demand: it names the quote's format, not its trust. */
const QE_VENDOR_ID = Uint8Array.from(Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex'));

export function createHeader(): QuoteHeader {
  return {
    version: 4,
    attestationKeyType: 2,
    teeType: 0x81,
    reserved: new Uint8Array(4),
    qeVendorId: QE_VENDOR_ID,
    userData: new Uint8Array(20),
  };
}

/** The good body: SEPT_VE_DISABLE is the only attribute, every register that nobody uses is zero. */
export function createTdBody(claims: TdClaims): TdBody {
  return {
    teeTcbSvn: Uint8Array.from(TEE_TCB_SVN),
    mrSignerSeam: new Uint8Array(48),
    seamAttributes: new Uint8Array(8),
    tdAttributes: Uint8Array.of(0, 0, 0, 0x10, 0, 0, 0, 0),
    xfam: Uint8Array.of(0xe7, 0x02, 0x06, 0, 0, 0, 0, 0),
    mrConfigId: new Uint8Array(48),
    mrOwner: new Uint8Array(48),
    mrOwnerConfig: new Uint8Array(48),
    ...claims,
  };
}

/** 48 bytes. */
export function encodeHeader(header: QuoteHeader): Uint8Array<ArrayBuffer> {
  const start = new Uint8Array(8);
  const view = new DataView(start.buffer);
  view.setUint16(0, header.version, true);
  view.setUint16(2, header.attestationKeyType, true);
  view.setUint32(4, header.teeType, true);
  return concatBytes(start, header.reserved, header.qeVendorId, header.userData);
}

/** 584 bytes, or 648 for TD 1.5, when every field has its length. */
export function encodeTdBody(body: TdBody): Uint8Array<ArrayBuffer> {
  return concatBytes(
    body.teeTcbSvn,
    body.mrSeam,
    body.mrSignerSeam,
    body.seamAttributes,
    body.tdAttributes,
    body.xfam,
    body.mrTd,
    body.mrConfigId,
    body.mrOwner,
    body.mrOwnerConfig,
    body.rtmr0,
    body.rtmr1,
    body.rtmr2,
    body.rtmr3,
    body.reportData,
    ...(body.td15 === undefined ? [] : [body.td15.teeTcbSvn2, body.td15.mrServiceTd]),
  );
}

/** What version 5 puts in front of a body: its type and its size. */
export function encodeBodyDescriptor(type: number, size: number): Uint8Array<ArrayBuffer> {
  const descriptor = new Uint8Array(6);
  const view = new DataView(descriptor.buffer);
  view.setUint16(0, type, true);
  view.setUint32(2, size, true);
  return descriptor;
}
