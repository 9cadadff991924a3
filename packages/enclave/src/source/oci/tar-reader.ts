/**
 * Reads tar archives as container layers are: POSIX ustar with pax headers, and GNU's long names. Strict:
 * a wrong checksum, a number out of bounds, a name that is not UTF-8 or an entry of an unknown kind
 * ends the reading with an error. Writes nothing and trusts no name.
 *
 * Specification: POSIX.1-2017 pax, "ustar Interchange Format" and "pax Extended Header".
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';

/** `link` is a symbolic one; `target` of a hard link is the name of an earlier entry. */
type TarKind = 'file' | 'directory' | 'link' | 'hard-link' | 'device';

export interface TarEntry {
  readonly kind: TarKind;
  readonly name: string;
  readonly target: string;
  readonly size: number;
  readonly executable: boolean;
  /** The content; what is not read is skipped before the next entry. */
  readonly content: AsyncIterable<Uint8Array>;
}

const BLOCK = 512;
/** Of one pax header or long name. */
const MAX_HEADER_BYTES = 1 << 20;
const KINDS: ReadonlyMap<string, TarKind> = new Map([
  ['0', 'file'],
  ['\0', 'file'],
  ['7', 'file'],
  ['1', 'hard-link'],
  ['2', 'link'],
  ['3', 'device'],
  ['4', 'device'],
  ['5', 'directory'],
  ['6', 'device'],
]);

/**
 * The entries, in order.
 *
 * @param what - How to call the archive in errors.
 * @throws UsageError with code `source.image`.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>, what: string): AsyncGenerator<TarEntry> {
  const input = createInput(chunks, what);
  try {
    yield* entriesOf(input, what);
  } finally {
    await input.close();
  }
}

async function* entriesOf(input: Input, what: string): AsyncGenerator<TarEntry> {
  let pax: ReadonlyMap<string, string> = new Map();
  let longName: string | undefined;
  let longTarget: string | undefined;
  for (;;) {
    const header = await input.read(BLOCK);
    if (header === undefined || header.every((byte) => byte === 0)) return input.drain();
    checkSum(header, what);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = sizeOf(pax.get('size'), header, what);
    if (type === 'x' || type === 'g' || type === 'L' || type === 'K') {
      if (size > MAX_HEADER_BYTES) throw refused(what, 'has an extended header that is too long');
      const bytes = await input.exactly(size);
      await input.exactly(padding(size));
      // Global headers carry a commit id or the like; none of them may rename what follows.
      if (type === 'x') pax = paxRecords(bytes, what);
      else if (type === 'L') longName = textOf(bytes, what);
      else if (type === 'K') longTarget = textOf(bytes, what);
      continue;
    }
    const kind = KINDS.get(type);
    if (kind === undefined) throw refused(what, `has an entry of the unknown kind ${JSON.stringify(type)}`);
    if ([...pax.keys()].some((key) => key.startsWith('GNU.sparse'))) throw refused(what, 'has a sparse file');
    const carried = kind === 'file' ? size : 0;
    if (carried !== size && kind !== 'hard-link') throw refused(what, 'has content where none belongs');
    const prefix = isUstar(header) ? field(header, 345, 155, what) : '';
    const short = field(header, 0, 100, what);
    const body = input.limited(size);
    yield {
      kind,
      name: pax.get('path') ?? longName ?? (prefix === '' ? short : `${prefix}/${short}`),
      target: pax.get('linkpath') ?? longTarget ?? field(header, 157, 100, what),
      size,
      executable: (number(header, 100, 8, what) & 0o100) !== 0,
      content: body,
    };
    for await (const _rest of body);
    await input.exactly(padding(size));
    pax = new Map();
    longName = undefined;
    longTarget = undefined;
  }
}

interface Input {
  /** `undefined` at the end. */
  read(length: number): Promise<Uint8Array | undefined>;
  exactly(length: number): Promise<Uint8Array>;
  limited(length: number): AsyncIterable<Uint8Array>;
  /** Reads what follows the archive, so that digests cover it. */
  drain(): Promise<void>;
  close(): Promise<unknown>;
}

function createInput(chunks: AsyncIterable<Uint8Array>, what: string): Input {
  const source = chunks[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);

  async function some(most: number): Promise<Uint8Array | undefined> {
    while (rest.length === 0) {
      const next = await source.next();
      if (next.done === true) return undefined;
      rest = next.value;
    }
    const taken = rest.subarray(0, most);
    rest = rest.subarray(taken.length);
    return taken;
  }

  async function read(length: number): Promise<Uint8Array | undefined> {
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const part = await some(length - filled);
      if (part === undefined) {
        if (filled === 0) return undefined;
        throw refused(what, 'ends in the middle of an entry');
      }
      bytes.set(part, filled);
      filled += part.length;
    }
    return bytes;
  }

  return {
    read,
    async exactly(length) {
      const bytes = length === 0 ? new Uint8Array(0) : await read(length);
      if (bytes === undefined) throw refused(what, 'ends in the middle of an entry');
      return bytes;
    },
    limited(length) {
      let left = length;
      return {
        async *[Symbol.asyncIterator]() {
          while (left > 0) {
            const part = await some(left);
            if (part === undefined) throw refused(what, 'ends in the middle of an entry');
            left -= part.length;
            yield part;
          }
        },
      };
    },
    async drain() {
      for (let part = await some(1 << 20); part !== undefined; part = await some(1 << 20));
    },
    close: async () => source.return?.(),
  };
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function isUstar(header: Uint8Array): boolean {
  return Buffer.from(header.subarray(257, 263)).toString('latin1') === 'ustar\0';
}

function checkSum(header: Uint8Array, what: string): void {
  // The field itself counts as eight blanks.
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0);
  if (sum !== number(header, 148, 8, what)) throw refused(what, 'has a header with a wrong checksum');
}

function sizeOf(written: string | undefined, header: Uint8Array, what: string): number {
  if (written === undefined) return number(header, 124, 12, what);
  const size = /^[0-9]{1,15}$/.test(written) ? Number(written) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw refused(what, 'has a size that is no number');
  return size;
}

/** Octal digits, or GNU's base 256 where the first bit is set. */
function number(header: Uint8Array, at: number, length: number, what: string): number {
  const bytes = header.subarray(at, at + length);
  if ((bytes[0] ?? 0) & 0x80) {
    const value = bytes.reduce((total, byte, index) => total * 256n + BigInt(index === 0 ? byte & 0x7f : byte), 0n);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refused(what, 'has a number that is too large');
    return Number(value);
  }
  const digits = Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .replace(/^ +/, '');
  if (!/^[0-7]*$/.test(digits)) throw refused(what, 'has a number that is none');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function field(header: Uint8Array, at: number, length: number, what: string): string {
  return textOf(header.subarray(at, at + length), what);
}

/** Text up to the first zero byte. */
function textOf(bytes: Uint8Array, what: string): string {
  const end = bytes.indexOf(0);
  return decode(end === -1 ? bytes : bytes.subarray(0, end), what);
}

function paxRecords(bytes: Uint8Array, what: string): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const blank = bytes.indexOf(0x20, at);
    const digits = blank === -1 ? '' : Buffer.from(bytes.subarray(at, blank)).toString('latin1');
    const length = /^[1-9][0-9]{0,7}$/.test(digits) ? Number(digits) : 0;
    const end = at + length;
    if (length === 0 || end > bytes.length || end <= blank + 1 || bytes[end - 1] !== 0x0a) {
      throw refused(what, 'has a damaged extended header');
    }
    const equals = bytes.indexOf(0x3d, blank + 1);
    if (equals === -1 || equals >= end) throw refused(what, 'has a damaged extended header');
    const key = decode(bytes.subarray(blank + 1, equals), what);
    // Values of other keys, such as extended attributes, may be any bytes, and nothing reads them.
    const isRead = key === 'path' || key === 'linkpath' || key === 'size';
    records.set(key, isRead ? decode(bytes.subarray(equals + 1, end - 1), what) : '');
    at = end;
  }
  return records;
}

function decode(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UsageError('source.image', `${what} has a name that is not UTF-8`, { cause });
  }
}

function refused(what: string, why: string): UsageError {
  return new UsageError('source.image', `${what} ${why}`);
}
