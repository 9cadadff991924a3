/**
 * One command with its authorization: the frame around it, and the answer taken apart.
 *
 * Trusted Platform Module Library, part 1, "Command/Response Structure".
 *
 * @module
 */
import { concatBytes } from '@vitrine/documents';
import { TpmResponseError } from './response-code.ts';
import type { TpmTransport } from './transport.ts';
import {
  type Bytes,
  finishReader,
  malformed,
  openReader,
  sized,
  takeBytes,
  takeExactly,
  takeNumber,
  takeSized,
  u8,
  u16,
  u32,
} from './wire.ts';

export interface TpmHandle {
  readonly value: number;
  /** What a session's HMAC covers for it; of everything but objects and NV indexes, the handle itself. */
  readonly name: Bytes;
}

export interface TpmCommand {
  /** For errors, such as `TPM2_Quote`. */
  readonly what: string;
  readonly code: number;
  /** The first needs authorization, if one is given. */
  readonly handles: readonly TpmHandle[];
  readonly parameters: Bytes;
  /** Whether a handle stands before the parameters of the answer. */
  readonly answersHandle?: true;
}

export interface TpmAnswer {
  readonly handle: number;
  readonly parameters: Bytes;
}

/** TPMS_AUTH_RESPONSE. */
interface AuthAnswer {
  readonly nonce: Bytes;
  readonly attributes: number;
  readonly hmac: Bytes;
}

export interface Authorization {
  /** TPMS_AUTH_COMMAND, and the parameters as they are sent. */
  authorize(command: TpmCommand): { readonly area: Bytes; readonly parameters: Bytes };
  /** Checks the answer, and gives its parameters in the clear. */
  accept(command: TpmCommand, parameters: Bytes, auth: AuthAnswer): Bytes;
}

const NO_SESSIONS = 0x8001;
const SESSIONS = 0x8002;
const PASSWORD_SESSION = 0x4000_0009;

/** The empty password. */
export const emptyPassword: Authorization = {
  authorize: ({ parameters }) => ({
    area: concatBytes(u32(PASSWORD_SESSION), sized(), u8(0), sized()),
    parameters,
  }),
  accept(command, parameters, { nonce, hmac }) {
    if (nonce.length === 0 && hmac.length === 0) return parameters;
    throw malformed(`the answer to ${command.what}`, 'a password is answered with a nonce or an HMAC');
  },
};

/** A handle that is no object and no NV index: its name is itself. */
export function plainHandle(value: number): TpmHandle {
  return { value, name: u32(value) };
}

/**
 * Runs a command.
 *
 * @throws TpmResponseError when the TPM refuses it.
 * @throws VitrineError when the answer is not one.
 */
export async function runCommand(
  transport: TpmTransport,
  command: TpmCommand,
  authorization?: Authorization,
): Promise<TpmAnswer> {
  const authorized = authorization?.authorize(command);
  const handles = concatBytes(...command.handles.map(({ value }) => u32(value)));
  const body =
    authorized === undefined
      ? concatBytes(handles, command.parameters)
      : concatBytes(handles, u32(authorized.area.length), authorized.area, authorized.parameters);
  const tag = authorized === undefined ? NO_SESSIONS : SESSIONS;
  const frame = concatBytes(u16(tag), u32(10 + body.length), u32(command.code), body);
  return parseAnswer(await transport.exchange(frame), command, authorization);
}

/** Takes an answer apart. */
export function parseAnswer(bytes: Uint8Array, command: TpmCommand, authorization?: Authorization): TpmAnswer {
  const reader = openReader(bytes, `the answer to ${command.what}`);
  const tag = takeNumber(reader, 2);
  takeExactly(reader, 4, bytes.length, 'size');
  const responseCode = takeNumber(reader, 4);
  if (responseCode !== 0) {
    if (tag !== NO_SESSIONS && tag !== 0x00c4) throw malformed(reader.what, 'a refusal with sessions');
    finishReader(reader);
    throw new TpmResponseError(command.what, responseCode);
  }
  const expected = authorization === undefined ? NO_SESSIONS : SESSIONS;
  if (tag !== expected) throw malformed(reader.what, `tag 0x${tag.toString(16).padStart(4, '0')}`);
  const handle = command.answersHandle ? takeNumber(reader, 4) : 0;
  if (authorization === undefined) {
    return { handle, parameters: takeBytes(reader, bytes.length - reader.offset) };
  }
  const parameters = takeBytes(reader, takeNumber(reader, 4));
  const auth = {
    nonce: takeSized(reader, 64, 'the nonce'),
    attributes: takeNumber(reader, 1),
    hmac: takeSized(reader, 64, 'the HMAC'),
  };
  finishReader(reader);
  return { handle, parameters: authorization.accept(command, parameters, auth) };
}
