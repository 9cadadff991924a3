/**
 * What a server process may do before it is ended for misconduct: how much it may write that nobody
 * asked for, how much to standard error, and how long it may leave its input unread.
 *
 * A malfunctioning server must not cost the gateway, which serves others too, more than a little memory
 * and processor time. Counts bytes and messages and looks at nothing else; the clock is a parameter.
 *
 * @module
 */
import type { GatewayLimits } from './limits.ts';

/** Why a server has to be ended, fit for remote clients; `undefined`: it has not. */
export type Misconduct = string | undefined;

export interface Conduct {
  /** Bytes on standard output, of whatever kind. */
  output(bytes: number): Misconduct;
  /** Bytes of a line on standard output that is no JSON-RPC message. */
  garbage(bytes: number): Misconduct;
  /** A request was sent, so one answer is owed. */
  asked(): void;
  /** A message came; `isAnswer` if it answers a request. */
  message(isAnswer: boolean): Misconduct;
  /** Bytes on standard error. */
  errors(bytes: number): Misconduct;
  /** Whether a line of standard error of this length may go to the log; otherwise it is counted. */
  mayLog(bytes: number): boolean;
  /** How many lines were kept from the log since this was last asked. */
  takeLeftOut(): number;
}

const SECOND = 1_000;
const MINUTE = 60_000;

/** @param now - Monotonic milliseconds. */
export function createConduct(limits: GatewayLimits, now: () => number): Conduct {
  const output = budget(limits.outputBytesPerMinute, MINUTE, now);
  const garbage = budget(limits.garbageBytesPerMinute, MINUTE, now);
  const unasked = budget(limits.unaskedMessagesPerMinute, MINUTE, now);
  const errors = budget(limits.errorBytesPerMinute, MINUTE, now);
  const logged = budget(limits.logBytesPerSecond, SECOND, now);
  let owed = 0;
  let leftOut = 0;

  return {
    output: (bytes) =>
      output(bytes)
        ? undefined
        : `was ended because it wrote more than ${limits.outputBytesPerMinute} bytes in a minute`,
    garbage: (bytes) =>
      garbage(bytes)
        ? undefined
        : `was ended because it wrote more than ${limits.garbageBytesPerMinute} bytes in a minute that are not JSON-RPC`,
    asked() {
      owed += 1;
    },
    message(isAnswer) {
      if (isAnswer && owed > 0) {
        owed -= 1;
        return undefined;
      }
      return unasked(1)
        ? undefined
        : `was ended because it sent more than ${limits.unaskedMessagesPerMinute} messages in a minute that answer nothing`;
    },
    errors: (bytes) =>
      errors(bytes)
        ? undefined
        : `was ended because it wrote more than ${limits.errorBytesPerMinute} bytes to standard error in a minute`,
    mayLog(bytes) {
      if (logged(bytes)) return true;
      leftOut += 1;
      return false;
    },
    takeLeftOut() {
      const count = leftOut;
      leftOut = 0;
      return count;
    },
  };
}

/** Whether what is spent fits into the present window; windows follow each other without overlap. */
function budget(perWindow: number, windowMs: number, now: () => number): (amount: number) => boolean {
  let since = Number.NEGATIVE_INFINITY;
  let spent = 0;
  return (amount) => {
    const time = now();
    if (time - since >= windowMs) {
      since = time;
      spent = 0;
    }
    spent += amount;
    return spent <= perWindow;
  };
}
