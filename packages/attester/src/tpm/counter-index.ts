/**
 * Two NV indexes of a TPM for one store: a counter, which never goes back, and a record beside it. Sessions
 * authenticate what is read and written, in both directions.
 *
 * Trusted Platform Module Library, part 3, "TPM2_NV_DefineSpace", "TPM2_NV_Increment", "TPM2_NV_Read",
 * "TPM2_NV_ReadPublic", "TPM2_NV_Write"; "Registry of Reserved TPM 2.0 Handles": owner's indexes begin at 0x01800000.
 *
 * @module
 */
import { concatBytes, VitrineError } from '@vitrine/documents';
import { parseBuffer, parseCounter, parseNvReadPublic } from './answers.ts';
import { RECORD_BYTES } from './counter-record.ts';
import { isResponse, TpmRc } from './response-code.ts';
import { emptyPassword, plainHandle, runCommand, type TpmCommand, type TpmHandle } from './run-command.ts';
import type { TpmSession } from './session.ts';
import { NvAttribute, type NvPublic, nameOf, nvPublicArea, TpmRh } from './structures.ts';
import type { TpmTransport } from './transport.ts';
import { type Bytes, sized, u16 } from './wire.ts';

export interface NvIndex {
  readonly handle: TpmHandle;
  /** Whether it was written since it was defined. */
  readonly isWritten: boolean;
  readonly size: number;
}

const FIRST = 0x0180_0000;
const PLAIN_ATTRIBUTES = NvAttribute.authWrite | NvAttribute.authRead | NvAttribute.noDictionaryAttack;
const COUNTER_BYTES = 8;

export interface NvKind {
  readonly attributes: number;
  readonly size: number;
}

export const COUNTER: NvKind = { attributes: PLAIN_ATTRIBUTES | NvAttribute.counter, size: COUNTER_BYTES };
export const RECORD: NvKind = { attributes: PLAIN_ATTRIBUTES, size: RECORD_BYTES };

/** Where the counter of a store is: an even number of 21 bits from its identifier. The record is the next. */
export function counterIndexOf(store: Uint8Array): number {
  const [first = 0, second = 0, third = 0] = store;
  return FIRST + ((((first << 16) | (second << 8) | third) & 0x0f_ffff) << 1);
}

/**
 * Finds an index; `undefined` where there is none.
 *
 * @throws VitrineError `anchor.conflict` where something else has the number.
 */
export async function findIndex(transport: TpmTransport, index: number, kind: NvKind): Promise<NvIndex | undefined> {
  let found: ReturnType<typeof parseNvReadPublic>;
  try {
    const { parameters } = await runCommand(transport, {
      what: 'TPM2_NV_ReadPublic',
      code: 0x0169,
      handles: [plainHandle(index)],
      parameters: new Uint8Array(0),
    });
    found = parseNvReadPublic(parameters);
  } catch (cause) {
    if (isResponse(cause, TpmRc.handle, TpmRc.value)) return undefined;
    throw cause;
  }
  const attributes = found.attributes & ~NvAttribute.written;
  if (!found.isPlain || found.index !== index || attributes !== kind.attributes || found.size !== kind.size) {
    throw collision(index);
  }
  return nvIndex(found);
}

/** Defines an index with the empty password, by the empty password of the owner. */
export async function defineIndex(transport: TpmTransport, index: number, kind: NvKind): Promise<NvIndex> {
  const described: NvPublic = { index, ...kind };
  await runCommand(
    transport,
    {
      what: 'TPM2_NV_DefineSpace',
      code: 0x012a,
      handles: [plainHandle(TpmRh.owner)],
      parameters: concatBytes(sized(), sized(nvPublicArea(described))),
    },
    emptyPassword,
  );
  return nvIndex(described);
}

export async function incrementCounter(transport: TpmTransport, session: TpmSession, counter: NvIndex): Promise<void> {
  await onIndex(transport, session, counter, 'TPM2_NV_Increment', 0x0134, new Uint8Array(0));
}

export async function readCounter(transport: TpmTransport, session: TpmSession, counter: NvIndex): Promise<bigint> {
  return parseCounter(
    await onIndex(transport, session, counter, 'TPM2_NV_Read', 0x014e, concatBytes(u16(COUNTER_BYTES), u16(0))),
  );
}

export async function readRecord(transport: TpmTransport, session: TpmSession, record: NvIndex): Promise<Bytes> {
  const what = 'TPM2_NV_Read';
  const parameters = concatBytes(u16(RECORD_BYTES), u16(0));
  return parseBuffer(what, await onIndex(transport, session, record, what, 0x014e, parameters), RECORD_BYTES);
}

/** Writes a part of the record. */
export async function writeRecord(
  transport: TpmTransport,
  session: TpmSession,
  record: NvIndex,
  bytes: Uint8Array,
  offset: number,
): Promise<void> {
  await onIndex(transport, session, record, 'TPM2_NV_Write', 0x0137, concatBytes(sized(bytes), u16(offset)));
}

/** What an index is called once it was written. */
export function written(index: NvIndex, kind: NvKind): NvIndex {
  return nvIndex({ index: index.handle.value, ...kind, attributes: kind.attributes | NvAttribute.written });
}

export function collision(index: number): VitrineError {
  return new VitrineError(
    'anchor.conflict',
    `NV index 0x${index.toString(16).padStart(8, '0')} of the TPM belongs to something else; name another for this store, or remove it if nobody needs it`,
  );
}

function nvIndex(described: NvPublic): NvIndex {
  return {
    handle: { value: described.index, name: nameOf(nvPublicArea(described)) },
    isWritten: (described.attributes & NvAttribute.written) !== 0,
    size: described.size,
  };
}

/** The index stands twice: as what authorizes, and as what is meant. */
async function onIndex(
  transport: TpmTransport,
  session: TpmSession,
  { handle }: NvIndex,
  what: string,
  code: number,
  parameters: Bytes,
): Promise<Bytes> {
  const command: TpmCommand = { what, code, handles: [handle, handle], parameters };
  return (await runCommand(transport, command, session.use())).parameters;
}
