/**
 * Which requests of a server get a credential on their way out.
 *
 * Pure: hosts, methods and paths of the manifest are compared with those of a request. A path that two
 * programs could read differently is refused before it is compared. What a request means beyond method and
 * path (its query, its body) is not looked at.
 *
 * Specification: RFC 3986, sections 2.1 and 6.2.
 *
 * @module
 */
import type { CredentialSpec } from '@vitrine/documents';
import { type Destination, matches } from './allow-list.ts';

export type CredentialSpecs = Readonly<Record<string, CredentialSpec>>;

export interface CredentialRequest {
  readonly host: string;
  /** As it stood in the URL; absent where it had none. */
  readonly port?: number;
  readonly method: string;
  /** With the query. */
  readonly path: string;
}

export type CredentialJudgement =
  | { readonly refused: string }
  /** `names` are of the credentials to be added, each with another header. */
  | { readonly destination: Destination; readonly names: readonly string[] };

/** Whether requests to this host get credentials, or nothing goes there at all. */
export function isCredentialHost(specs: CredentialSpecs, host: string): boolean {
  return Object.values(specs).some(({ allow }) => allow.some((one) => matches(one.host, host)));
}

/** Judges a request to a host for which {@link isCredentialHost} holds. */
export function judgeCredentialRequest(specs: CredentialSpecs, request: CredentialRequest): CredentialJudgement {
  const [path = ''] = request.path.split('?', 1);
  const why = pathRefusal(path);
  if (why !== undefined) return { refused: `the path ${why}` };
  const found = Object.entries(specs).flatMap(([name, { header, allow }]) =>
    allow.filter((one) => isMeant(one, request, path)).map(({ port }) => ({ name, header, port })),
  );
  const ports = new Set(found.map(({ port }) => port));
  const [port, otherPort] = ports;
  if (port === undefined) return { refused: 'no credential is for this method and path' };
  if (otherPort !== undefined) return { refused: 'the credential is for several ports; name one in the URL' };
  const names = [...new Set(found.map(({ name }) => name))];
  if (new Set(names.map((name) => specs[name]?.header)).size < names.length) {
    return { refused: 'two credentials with the same header are for this method and path' };
  }
  return { destination: { host: request.host, port }, names };
}

/** Headers that this host gets from credentials alone, in lower case. */
export function headersOf(specs: CredentialSpecs, host: string): ReadonlySet<string> {
  const own = Object.values(specs).filter(({ allow }) => allow.some((one) => matches(one.host, host)));
  return new Set(own.map(({ header }) => header));
}

function isMeant(
  { host, port, methods, paths }: CredentialSpec['allow'][number],
  request: CredentialRequest,
  path: string,
): boolean {
  return (
    matches(host, request.host) &&
    (request.port === undefined || request.port === port) &&
    methods.some((method) => method === request.method) &&
    paths.some((one) => (one.endsWith('/') ? path.startsWith(one) : path === one))
  );
}

/** Why a path, without its query, can be read in more than one way; `undefined` if it cannot. */
export function pathRefusal(path: string): string | undefined {
  if (!path.startsWith('/')) return 'does not begin with a slash';
  if (!/^[\x21-\x7e]*$/.test(path) || path.includes('\\')) return 'has characters that do not belong in one';
  if (path.includes('//')) return 'has an empty segment (//)';
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return 'has a percent sign that escapes nothing';
  // Slash, backslash, dot, percent sign, and what ends or splits a line.
  if (/%(?:2[eEfF5]|5[cC]|0|1|7[fF])/.test(path)) return 'has an escape that some programs would undo';
  // Some programs cut parameters off a segment before they resolve it, and some undo an escape before that.
  if (path.split('/').some((segment) => /^\.{1,2}(?:[;%]|$)/.test(segment))) return 'has a segment of dots';
  if (!isUtf8(path)) return 'has escapes that are not UTF-8, such as a dot that is longer than it need be';
  return undefined;
}

function isUtf8(escaped: string): boolean {
  try {
    decodeURIComponent(escaped);
    return true;
  } catch {
    return false;
  }
}
