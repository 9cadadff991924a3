/**
 * What is loaded in a TPM, and its removal (Trusted Platform Module Library, part 3, "TPM2_FlushContext",
 * "TPM2_GetCapability").
 *
 * @module
 */
import { concatBytes } from '@vitrine/documents';
import { parseHandles } from './answers.ts';
import { runCommand } from './run-command.ts';
import type { TpmTransport } from './transport.ts';
import { u32 } from './wire.ts';

const CAPABILITY_HANDLES = 1;
/** First handles of HMAC and policy sessions that are loaded, and of transient objects. */
const LOADED = [0x0200_0000, 0x0300_0000, 0x8000_0000] as const;
const MAX_HANDLES = 64;

/** Removes an object or a session. */
export async function flush(transport: TpmTransport, handle: number): Promise<void> {
  await runCommand(transport, { what: 'TPM2_FlushContext', code: 0x0165, handles: [], parameters: u32(handle) });
}

/** Removes it whatever happens to `work`; of two failures the first is told. */
export async function flushedAfter<T>(transport: TpmTransport, handle: number, work: () => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work();
  } catch (cause) {
    await flush(transport, handle).catch(() => undefined);
    throw cause;
  }
  await flush(transport, handle);
  return result;
}

/** Removes all objects and sessions. For a TPM that nobody else uses. */
export async function flushEverything(transport: TpmTransport): Promise<void> {
  for (const first of LOADED) {
    const { parameters } = await runCommand(transport, {
      what: 'TPM2_GetCapability',
      code: 0x017a,
      handles: [],
      parameters: concatBytes(u32(CAPABILITY_HANDLES), u32(first), u32(MAX_HANDLES)),
    });
    for (const handle of parseHandles(parameters)) await flush(transport, handle);
  }
}
