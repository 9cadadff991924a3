/**
 * Where a hosted server may connect to: host names and ports that the manifest names, and nothing else.
 *
 * @module
 */

export interface EgressRule {
  /** An exact host name in lower case, or `*.` before one for every name below it. */
  readonly host: string;
  readonly port: number;
}

/** A destination as a client wrote it. */
export interface Destination {
  readonly host: string;
  readonly port: number;
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
/** A name with at least one dot whose last label cannot be part of an address. */
const HOST_NAME = new RegExp(`^(?=.{1,253}$)(?:${LABEL}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`);

/**
 * Reads `host:port` as CONNECT writes it. `undefined` for anything but a plain host name and a port:
 * addresses in any spelling, trailing dots, user names, upper case escapes.
 */
export function parseAuthority(text: string): Destination | undefined {
  const match = /^([^:]+):([1-9][0-9]{0,4})$/.exec(text);
  const [, name = '', digits = ''] = match ?? [];
  const host = name.toLowerCase();
  const port = Number(digits);
  return HOST_NAME.test(host) && port <= 65535 ? { host, port } : undefined;
}

/** Whether `rules` name the destination. */
export function isAllowed(rules: readonly EgressRule[], { host, port }: Destination): boolean {
  return rules.some((rule) => rule.port === port && matches(rule.host, host));
}

/** Whether some host name is named by both of two patterns. */
export function overlaps(one: string, other: string): boolean {
  if (!one.startsWith('*.')) return matches(other, one);
  if (!other.startsWith('*.')) return matches(one, other);
  return one.endsWith(other.slice(1)) || other.endsWith(one.slice(1));
}

/** Whether `pattern` names `host`. */
export function matches(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*.')) return pattern === host;
  const below = pattern.slice(1);
  return host.endsWith(below) && host.length > below.length;
}
