/**
 * Reads `--header-file`: headers that a user adds to each request to the attested server, such as an
 * API key. A file, since other users of a machine can read command lines.
 *
 * Format: lines `Name: value`; blank lines, and lines that begin with `#`, count for nothing.
 *
 * @module
 */
import { readFile, stat } from 'node:fs/promises';
import { UsageError } from '@vitrine/documents';
import { cleanText } from '../clean-text.ts';
import { RefusedError } from '../errors.ts';
import type { FetchLike } from '../net/outside-fetch.ts';

const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/;
const MAX_BYTES = 64 * 1024;
/** Those belong to the connection, to HTTP's framing or to what the bridge itself says. */
const RESERVED = new Set([
  'accept',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'last-event-id',
  'origin',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** By lower-case name. */
export type StaticHeaders = Readonly<Record<string, string>>;

/**
 * Parses the text of a header file. Errors name the line, never its value.
 *
 * @param name - How to call the file in errors.
 */
export function parseHeaders(text: string, name: string): StaticHeaders {
  const headers = new Map<string, string>();
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const fail = (why: string): never => {
      throw new UsageError('headers.line', `${name}:${index + 1}: ${why}`);
    };
    const colon = line.indexOf(':');
    const header = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (colon < 1 || !NAME.test(header)) fail('expected a line such as "X-Api-Key: value"');
    if (RESERVED.has(header) || /^(?:mcp|proxy|sec)-/.test(header)) {
      fail(`${cleanText(header, 60)} is set by Vitrine itself and cannot be given`);
    }
    if (!VALUE.test(value)) fail(`the value of ${header} is empty or has characters other than printable ASCII`);
    if (headers.has(header)) fail(`${header} is there twice`);
    headers.set(header, value);
  }
  return Object.fromEntries(headers);
}

/**
 * Reads a header file.
 *
 * @param warn - Told in one line when others can read the file.
 */
export async function readHeaderFile(
  file: string,
  platform: NodeJS.Platform,
  warn: (line: string) => void,
): Promise<StaticHeaders> {
  return parseHeaders(await readSecretFile(file, platform, warn), file);
}

/** The text of a file that holds a secret. */
export async function readSecretFile(
  file: string,
  platform: NodeJS.Platform,
  warn: (line: string) => void,
): Promise<string> {
  try {
    const { mode, size } = await stat(file);
    if (size > MAX_BYTES) throw new UsageError('file.size', `${file} is larger than ${MAX_BYTES} bytes`);
    if (platform !== 'win32' && (mode & 0o077) !== 0) {
      warn(`other users of this machine may read ${file}, which holds secrets; run: chmod 600 ${file}`);
    }
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError('file.unreadable', `cannot read ${file}: ${(cause as NodeJS.ErrnoException).code}`, { cause });
  }
}

/** Adds `headers` to requests to the origin of `url`, and refuses any other origin. What a request sets itself wins. */
export function withHeaders(fetch: FetchLike, headers: StaticHeaders, url: string): FetchLike {
  const { origin } = new URL(url);
  return async (target, init = {}) => {
    const other = new URL(target).origin;
    if (other !== origin) {
      throw new RefusedError('channel.origin', `${other} is not the attested server ${origin}; nothing was sent`);
    }
    const own = Object.fromEntries(new Headers(init.headers));
    return fetch(target, { ...init, headers: { ...headers, ...own }, redirect: 'error' });
  };
}
