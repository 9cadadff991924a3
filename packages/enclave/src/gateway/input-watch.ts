/**
 * Ends a process that does not read what is written to its standard input, before that fills the memory.
 *
 * @module
 */
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { GatewayLimits } from './limits.ts';

export interface InputWatch {
  /** Something could not be written at once. */
  waits(): void;
  /** The process has ended. */
  close(): void;
}

export function createInputWatch(stdin: Writable, limits: GatewayLimits, kill: (reason: string) => void): InputWatch {
  let timer: NodeJS.Timeout | undefined;

  /** Bytes that the process has taken, as far as the system tells. */
  function taken(): number {
    return stdin instanceof Socket ? stdin.bytesWritten - stdin.writableLength : 0;
  }

  function watch(): void {
    const before = taken();
    timer = setTimeout(() => {
      timer = undefined;
      if (stdin.writableLength === 0) return;
      if (taken() > before) watch();
      else kill(`was ended because it read nothing of its input for ${limits.inputStallMs} ms`);
    }, limits.inputStallMs);
    timer.unref();
  }

  return {
    waits() {
      if (stdin.writableLength > limits.inputBytes) {
        kill(`was ended because it left more than ${limits.inputBytes} bytes of its input unread`);
      } else if (timer === undefined) watch();
    },
    close: () => clearTimeout(timer),
  };
}
