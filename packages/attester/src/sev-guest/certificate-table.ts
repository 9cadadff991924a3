/**
 * The certificate table that a host gives beside an SEV-SNP report: its own copies of AMD's certificates.
 *
 * The host made it, so nothing in it is trusted, and a table that cannot be read is one that the host withheld:
 * a verifier then fetches what it needs.
 *
 * Format: Guest-Hypervisor Communication Block Standardization (AMD 56421), "SNP Extended Guest Request": entries
 * of a GUID, an offset from the begin of the table and a length, ended by an entry of zeros. GUIDs stand in the
 * order of their digits, as the programs that write tables have them, and not as EFI_GUID.
 *
 * @module
 */
import { concatBytes, type Endorsements, fromHex, toBase64Url, toHex } from '@vitrine/documents';

/** Bytes of one entry. */
const ENTRY_BYTES = 24;
const MAX_ENTRIES = 32;
/** AMD's certificates have 1.3 to 1.7 kB, and its lists less. */
const MAX_DOCUMENT_BYTES = 8192;
/** What a kernel maps for the table. */
export const PAGE_BYTES = 4096;

/** Who is certified; `crl` is the revocation list. */
const GUIDS = {
  vcek: '63da758d-e664-4564-adc5-f4b93be8accd',
  vlek: 'a8074bc2-a25a-483e-aae6-39c045a0b8a1',
  ask: '4ab7b379-bbac-4fe4-a02f-05aef327c782',
  ark: 'c0b406a4-a803-4952-9743-3fb6014cd0ae',
  crl: '92f81bc3-5811-4d3d-97ff-d19f88dc67ea',
} as const;

export type TableKey = keyof typeof GUIDS;
/** Leaf first, as chains are given. */
const KEYS: readonly TableKey[] = ['vcek', 'vlek', 'ask', 'ark', 'crl'];
const KEY_BY_GUID: ReadonlyMap<string, TableKey> = new Map(KEYS.map((key) => [guidHex(key), key]));

export interface TableEntry {
  readonly key: TableKey;
  readonly der: Uint8Array;
}

/** What is AMD's in a table, leaf first; nothing where the table is empty or not well-formed. */
export function readCertificateTable(table: Uint8Array): readonly TableEntry[] {
  const view = new DataView(table.buffer, table.byteOffset, table.length);
  const found = new Map<TableKey, Uint8Array>();
  for (let index = 0; index < MAX_ENTRIES; index++) {
    const start = index * ENTRY_BYTES;
    if (start + ENTRY_BYTES > table.length) return [];
    const entry = table.subarray(start, start + ENTRY_BYTES);
    if (entry.every((byte) => byte === 0)) {
      return [...found].map(([key, der]) => ({ key, der })).sort((a, b) => KEYS.indexOf(a.key) - KEYS.indexOf(b.key));
    }
    const offset = view.getUint32(start + 16, true);
    const length = view.getUint32(start + 20, true);
    if (offset + length > table.length) return [];
    const key = KEY_BY_GUID.get(toHex(entry.subarray(0, 16)));
    // Hosts add entries of their own, such as one about the processor.
    if (key === undefined) continue;
    const der = table.slice(offset, offset + length);
    if (!isDer(der) || found.has(key)) return [];
    found.set(key, der);
  }
  return [];
}

/** A table of `entries`, as a host writes it: of whole pages. */
export function writeCertificateTable(entries: readonly TableEntry[]): Uint8Array<ArrayBuffer> {
  const head = new Uint8Array((entries.length + 1) * ENTRY_BYTES);
  const view = new DataView(head.buffer);
  let offset = head.length;
  for (const [index, { key, der }] of entries.entries()) {
    const start = index * ENTRY_BYTES;
    head.set(fromHex(guidHex(key)) ?? [], start);
    view.setUint32(start + 16, offset, true);
    view.setUint32(start + 20, der.length, true);
    offset += der.length;
  }
  const table = concatBytes(head, ...entries.map(({ der }) => der));
  const padded = new Uint8Array(Math.ceil(table.length / PAGE_BYTES) * PAGE_BYTES);
  padded.set(table);
  return padded;
}

/** What a table has for a verifier; `undefined` where that is nothing. */
export function tableEndorsements(table: Uint8Array | undefined): Endorsements | undefined {
  const entries = table === undefined ? [] : readCertificateTable(table);
  if (entries.length === 0) return undefined;
  const [certificates, revocationLists] = [false, true].map((isList) =>
    entries.filter(({ key }) => (key === 'crl') === isList).map(({ der }) => toBase64Url(der)),
  );
  return {
    type: 'vitrine/endorsements/v1',
    ...(certificates?.length ? { certificates } : {}),
    ...(revocationLists?.length ? { revocationLists } : {}),
  };
}

/** One SEQUENCE that fills `bytes`: enough to tell it from PEM and from fill. */
function isDer(bytes: Uint8Array): boolean {
  const [tag, form, high = 0, low = 0] = bytes;
  return bytes.length <= MAX_DOCUMENT_BYTES && tag === 0x30 && form === 0x82 && bytes.length === 4 + high * 256 + low;
}

function guidHex(key: TableKey): string {
  return GUIDS[key].replaceAll('-', '');
}
