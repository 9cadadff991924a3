/**
 * One command in, one answer out: serialised, bounded in time, checked for being one whole answer.
 *
 * A TPM that says "not now" is asked again, a bounded number of times. After an answer that did not come or that is
 * not one answer, nobody knows which answer belongs to which command, so nothing is sent any more.
 *
 * @module
 */
import { setTimeout as sleepFor } from 'node:timers/promises';
import { VitrineError } from '@vitrine/documents';
import { isTryAgain, showResponseCode } from './response-code.ts';
import { type Bytes, malformed, openReader, takeNumber } from './wire.ts';

/** A TPM 2.0. Whoever holds it can do all that needs no password. */
export interface TpmTransport {
  /**
   * Sends one command and gives its answer, header included.
   *
   * @throws VitrineError `attester.busy`, `attester.hardware`, `attester.unavailable`.
   */
  exchange(command: Uint8Array): Promise<Bytes>;
  /** Idempotent. What is under way fails. */
  close(): Promise<void>;
}

/** What carries bytes to the TPM and back, and judges nothing. */
export interface TpmChannel {
  /** Writes a command whole and gives what comes back for it. */
  send(command: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface TpmLimits {
  /** Milliseconds for one answer. Making a key is the slowest command; chips take seconds for it. */
  readonly answerMs: number;
  /** How often one command is sent at most while the TPM says "not now". */
  readonly attempts: number;
  /** Milliseconds before the second attempt; each further wait is twice as long. */
  readonly retryMs: number;
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

export const USUAL_TPM_LIMITS: TpmLimits = {
  answerMs: 30_000,
  attempts: 8,
  retryMs: 20,
  sleep: (milliseconds, signal) => sleepFor(milliseconds, undefined, { signal }),
};

/** As much as the kernel's driver takes and gives. */
export const MAX_TPM_BYTES = 4096;
const HEADER_BYTES = 10;
const NO_SESSIONS = 0x8001;
const SESSIONS = 0x8002;

/** Makes a transport of a channel. */
export function transportOver(channel: TpmChannel, limits: TpmLimits): TpmTransport {
  let last: Promise<unknown> = Promise.resolve();
  let broken: VitrineError | undefined;
  let closing: Promise<void> | undefined;

  const once = async (command: Uint8Array): Promise<Bytes> => {
    if (broken !== undefined) throw broken;
    try {
      return checkAnswer(await answerInTime(channel.send(command), limits));
    } catch (cause) {
      broken ??=
        cause instanceof VitrineError
          ? cause
          : new VitrineError(
              'attester.hardware',
              `the TPM could not be asked: ${message(cause)}. Start again what uses it once the TPM is there`,
              { cause },
            );
      throw broken;
    }
  };

  const untilDone = async (command: Uint8Array): Promise<Bytes> => {
    for (let attempt = 1; ; attempt++) {
      const answer = await once(command);
      const responseCode = new DataView(answer.buffer).getUint32(6);
      if (!isTryAgain(responseCode)) return answer;
      if (attempt >= limits.attempts) {
        throw new VitrineError(
          'attester.busy',
          `the TPM said ${limits.attempts} times: ${showResponseCode(responseCode)}. Try again later`,
        );
      }
      await limits.sleep(limits.retryMs * 2 ** (attempt - 1), new AbortController().signal);
    }
  };

  return {
    exchange(command) {
      if (command.length > MAX_TPM_BYTES) {
        return Promise.reject(new RangeError(`a TPM command of ${command.length} bytes`));
      }
      const copy = Uint8Array.from(command);
      const answer = last.then(() => untilDone(copy));
      last = answer.catch(() => undefined);
      return answer;
    },
    close() {
      broken ??= new VitrineError('attester.unavailable', 'the connection to the TPM was closed');
      closing ??= channel.close();
      return closing;
    },
  };
}

async function answerInTime(sent: Promise<Uint8Array>, limits: TpmLimits): Promise<Uint8Array> {
  const answered = new AbortController();
  const late = limits.sleep(limits.answerMs, answered.signal).then(
    () => {
      throw new VitrineError(
        'attester.hardware',
        `the TPM did not answer within ${limits.answerMs} ms. Restart what uses it; if that does not help, the machine`,
      );
    },
    // The wait was called off.
    () => new Promise<never>(() => undefined),
  );
  try {
    return await Promise.race([sent, late]);
  } finally {
    answered.abort();
    // An answer that comes too late, or fails too late, belongs to nobody.
    sent.catch(() => undefined);
    late.catch(() => undefined);
  }
}

function checkAnswer(answer: Uint8Array): Bytes {
  const what = 'an answer';
  if (answer.length < HEADER_BYTES) throw malformed(what, `${answer.length} bytes, fewer than a header`);
  if (answer.length > MAX_TPM_BYTES) throw malformed(what, `${answer.length} bytes, more than ${MAX_TPM_BYTES}`);
  const reader = openReader(answer, what);
  const tag = takeNumber(reader, 2);
  const size = takeNumber(reader, 4);
  if (tag === 0x00c4) throw new VitrineError('attester.hardware', 'the TPM is of version 1.2; version 2.0 is needed');
  if (tag !== NO_SESSIONS && tag !== SESSIONS) throw malformed(what, `tag 0x${tag.toString(16).padStart(4, '0')}`);
  if (size !== answer.length) throw malformed(what, `it says ${size} bytes and has ${answer.length}`);
  return Uint8Array.from(answer);
}

function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
