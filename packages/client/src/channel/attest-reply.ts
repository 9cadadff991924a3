/**
 * Reads the reply to an attest request, byte by byte strict. The bytes come from a server that is
 * not trusted yet, and they are read from a socket that an HTTP client will use next: one byte more
 * or less than announced would shift every answer after it.
 *
 * Format: HTTP/1.1 (RFC 9112), `Content-Length` only.
 *
 * @module
 */
import { MAX_BUNDLE_BYTES } from '@vitrine/documents';
import { RefusedError } from '../errors.ts';

/** Status line and headers together. */
export const MAX_HEAD_BYTES: number = 16 * 1024;
/** An error document is short. */
const MAX_ERROR_BYTES = 16 * 1024;

const STATUS_LINE = /^HTTP\/1\.1 ([2-5][0-9]{2})(?: [\t\x20-\x7e]*)?$/;
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\t]*?)[ \t]*$/;
const LENGTH = /^(?:0|[1-9][0-9]{0,8})$/;

export interface AttestReply {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface ReplyReader {
  /** Takes the next bytes; gives the reply once it is complete. */
  push(chunk: Buffer): AttestReply | undefined;
  /** How far it got, for the error when the connection ends. */
  progress(): string;
}

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly length: number;
}

/** A reader for one reply. `push` throws RefusedError (check `channel.reply`) for everything out of form. */
export function createReplyReader(): ReplyReader {
  let bytes = Buffer.alloc(0);
  let head: Head | undefined;
  let reply: AttestReply | undefined;
  /** Of the body, put together once: a server that sends byte by byte must not have it copied each time. */
  const chunks: Buffer[] = [];
  let length = 0;
  return {
    push(chunk) {
      if (head === undefined) {
        bytes = Buffer.concat([bytes, chunk]);
        const end = bytes.indexOf('\r\n\r\n');
        if (end === -1 ? bytes.length > MAX_HEAD_BYTES : end + 4 > MAX_HEAD_BYTES) {
          throw malformed(`headers longer than ${MAX_HEAD_BYTES} bytes`);
        }
        if (end === -1) return undefined;
        head = readHead(bytes.toString('latin1', 0, end));
        chunks.push(bytes.subarray(end + 4));
      } else {
        chunks.push(chunk);
      }
      length += chunks.at(-1)?.length ?? 0;
      if (reply !== undefined || length > head.length) throw malformed('more bytes than announced');
      if (length === head.length) reply = { status: head.status, headers: head.headers, body: Buffer.concat(chunks) };
      return reply;
    },
    progress: () =>
      head === undefined ? 'within the headers' : `after ${length} of ${head.length} bytes of the answer`,
  };
}

function readHead(text: string): Head {
  const [first = '', ...lines] = text.split('\r\n');
  const status = STATUS_LINE.exec(first)?.[1];
  if (status === undefined) throw malformed('not an HTTP/1.1 status line');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = HEADER_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) throw malformed('a malformed header line');
    const key = name.toLowerCase();
    if (key === 'transfer-encoding') throw malformed('Transfer-Encoding, where only Content-Length is allowed');
    if (key === 'content-length' && headers.has(key)) throw malformed('two Content-Length headers');
    headers.set(key, value);
  }
  const length = headers.get('content-length');
  if (length === undefined || !LENGTH.test(length)) throw malformed('no valid Content-Length');
  const limit = status === '200' ? MAX_BUNDLE_BYTES : MAX_ERROR_BYTES;
  if (Number(length) > limit) throw malformed(`an answer of ${length} bytes, more than ${limit}`);
  return { status: Number(status), headers, length: Number(length) };
}

function malformed(what: string): RefusedError {
  return new RefusedError('channel.reply', `the reply to the attest request is not acceptable: ${what}`);
}
