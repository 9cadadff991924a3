/**
 * Transports that sit between the code under test and a TPM, as whoever taps the bus does. For tests only.
 *
 * @module
 */
import type { TpmTransport } from '../transport.ts';
import type { Bytes } from '../wire.ts';

/** Command codes, by the names that tests use. */
export const Code = {
  increment: 0x0134,
  nvWrite: 0x0137,
  nvRead: 0x014e,
  create: 0x0153,
  unseal: 0x015e,
  hmac: 0x0155,
  quote: 0x0158,
  createPrimary: 0x0131,
  pcrRead: 0x017e,
  nvReadPublic: 0x0169,
} as const;

export function codeOf(command: Uint8Array): number {
  return new DataView(command.buffer, command.byteOffset).getUint32(6);
}

/** Calls `around` for each command; it decides what is sent and what is answered. */
export function onTheBus(
  inner: TpmTransport,
  around: (command: Uint8Array, send: (command: Uint8Array) => Promise<Bytes>) => Promise<Bytes>,
): TpmTransport {
  return {
    exchange: (command) => around(command, (sent) => inner.exchange(sent)),
    close: () => inner.close(),
  };
}

/** A transport that keeps all that crosses it. */
export function tapped(inner: TpmTransport): { readonly transport: TpmTransport; readonly seen: Uint8Array[] } {
  const seen: Uint8Array[] = [];
  const transport = onTheBus(inner, async (command, send) => {
    seen.push(Uint8Array.from(command));
    const answer = await send(command);
    seen.push(answer);
    return answer;
  });
  return { transport, seen };
}

/** A transport that changes one bit in each answer to `code`, `fromEnd` bytes before its end. */
export function flipping(inner: TpmTransport, code: number, fromEnd: number): TpmTransport {
  return onTheBus(inner, async (command, send) => {
    const answer = await send(command);
    if (codeOf(command) === code) {
      const place = answer.length - 1 - fromEnd;
      answer[place] = (answer[place] ?? 0) ^ 1;
    }
    return answer;
  });
}
