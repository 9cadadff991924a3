/**
 * Platform configuration registers: read, extended, and which banks are active
 * (Trusted Platform Module Library, part 3, "TPM2_PCR_Read", "TPM2_PCR_Extend").
 *
 * @module
 */
import { concatBytes, VitrineError } from '@vitrine/documents';
import { type PcrReading, parsePcrBanks, parsePcrRead, parseProperties, showManufacturer } from './answers.ts';
import { emptyPassword, plainHandle, runCommand } from './run-command.ts';
import { PCR_COUNT, pcrSelection, TpmAlg } from './structures.ts';
import type { TpmTransport } from './transport.ts';
import { type Bytes, malformed, u16, u32 } from './wire.ts';

const CAPABILITY_PCRS = 5;
const CAPABILITY_PROPERTIES = 6;
const PROPERTY_MANUFACTURER = 0x0105;
/** A TPM gives at most eight values in one answer, and may give fewer. */
const MAX_READS = 64;
const ATTEMPTS = 5;
const DIGEST_BYTES: ReadonlyMap<number, number> = new Map([
  [TpmAlg.sha256, 32],
  [TpmAlg.sha384, 48],
]);

export type Bank = typeof TpmAlg.sha256 | typeof TpmAlg.sha384;
export const ALL_PCRS: readonly number[] = Array.from({ length: PCR_COUNT }, (_, index) => index);

/**
 * Values of registers at one moment, by number. Of the debugging registers (16, 21 to 23) TPMs do not say when they
 * move.
 *
 * @throws VitrineError `attester.busy` where registers move all the time; `attester.hardware` where the bank is not active.
 */
export async function readPcrs(
  transport: TpmTransport,
  bank: Bank,
  indexes: readonly number[],
): Promise<ReadonlyMap<number, Bytes>> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const values = await readOnce(transport, bank, indexes);
    if (values !== undefined) return values;
  }
  throw new VitrineError(
    'attester.busy',
    `registers of the TPM moved during each of ${ATTEMPTS} readings; try again later`,
  );
}

/** `undefined` where a register moved in between. */
async function readOnce(
  transport: TpmTransport,
  bank: Bank,
  indexes: readonly number[],
): Promise<ReadonlyMap<number, Bytes> | undefined> {
  const values = new Map<number, Bytes>();
  const counters = new Set<number>();
  for (let read = 0; read < MAX_READS; read++) {
    const wanted = indexes.filter((index) => !values.has(index));
    if (wanted.length === 0) return counters.size <= 1 ? values : undefined;
    const reading = await readSome(transport, bank, wanted);
    counters.add(reading.updateCounter);
    const given = givenOf(reading, bank, wanted);
    given.forEach((index, place) => {
      values.set(index, checkedValue(reading.values[place], bank));
    });
  }
  throw malformed('the answer to TPM2_PCR_Read', 'it gives registers one by one and never all');
}

/** The registers whose values an answer has; at least one of those that were asked for, and no other. */
function givenOf(reading: PcrReading, bank: Bank, wanted: readonly number[]): readonly number[] {
  const given = reading.selections.flatMap((selection) => (selection.bank === bank ? selection.indexes : [-1]));
  if (given.length === 0) {
    throw new VitrineError(
      'attester.hardware',
      `the TPM's ${bank === TpmAlg.sha256 ? 'SHA-256' : 'SHA-384'} bank of registers is not active; switch it on in the firmware's settings`,
    );
  }
  if (given.length !== reading.values.length || given.some((index) => !wanted.includes(index))) {
    throw malformed('the answer to TPM2_PCR_Read', 'its values are not those that were asked for');
  }
  return given;
}

function checkedValue(value: Bytes | undefined, bank: Bank): Bytes {
  if (value !== undefined && value.length === DIGEST_BYTES.get(bank)) return value;
  throw malformed('the answer to TPM2_PCR_Read', `a value of ${value?.length} bytes`);
}

async function readSome(transport: TpmTransport, bank: Bank, indexes: readonly number[]): Promise<PcrReading> {
  const { parameters } = await runCommand(transport, {
    what: 'TPM2_PCR_Read',
    code: 0x017e,
    handles: [],
    parameters: pcrSelection(bank, indexes),
  });
  return parsePcrRead(parameters);
}

/** Extends one register by a digest for each bank. */
export async function extendPcr(
  transport: TpmTransport,
  index: number,
  digests: readonly (readonly [bank: Bank, digest: Bytes])[],
): Promise<void> {
  await runCommand(
    transport,
    {
      what: 'TPM2_PCR_Extend',
      code: 0x0182,
      handles: [plainHandle(index)],
      parameters: concatBytes(u32(digests.length), ...digests.map(([bank, digest]) => concatBytes(u16(bank), digest))),
    },
    emptyPassword,
  );
}

/** Whether the bank has this register. */
export async function hasBank(transport: TpmTransport, bank: Bank, index: number): Promise<boolean> {
  const banks = parsePcrBanks(await capability(transport, CAPABILITY_PCRS, 0));
  return banks.some((selection) => selection.bank === bank && selection.indexes.includes(index));
}

/** Who says to have made it, such as `IBM` for swtpm; the empty string where it does not say. */
export async function readManufacturer(transport: TpmTransport): Promise<string> {
  const properties = parseProperties(await capability(transport, CAPABILITY_PROPERTIES, PROPERTY_MANUFACTURER));
  return showManufacturer(properties.get(PROPERTY_MANUFACTURER) ?? 0);
}

async function capability(transport: TpmTransport, kind: number, first: number): Promise<Bytes> {
  const { parameters } = await runCommand(transport, {
    what: 'TPM2_GetCapability',
    code: 0x017a,
    handles: [],
    parameters: concatBytes(u32(kind), u32(first), u32(1)),
  });
  return parameters;
}
