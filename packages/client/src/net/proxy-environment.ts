/**
 * Which HTTP proxy stands between this machine and a host, by the environment variables that other
 * tools read too: `HTTPS_PROXY` or `ALL_PROXY`, except for what `NO_PROXY` lists.
 *
 * The environment is read once, by the caller, and handed in. A proxy's user name and password are
 * kept apart from its name, so that no message can show them.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import { isLoopback } from '../server-url.ts';

/** An HTTP proxy that is asked to CONNECT. */
export interface ProxyServer {
  readonly host: string;
  readonly port: number;
  /** Whether the proxy itself is spoken to over TLS. */
  readonly secure: boolean;
  /** Value of `Proxy-Authorization`. A secret. */
  readonly authorization?: string;
}

/** The proxy for a URL; `undefined` means a direct connection. */
export type ProxyFor = (url: URL) => ProxyServer | undefined;

/** No proxy for anything. */
export const direct: ProxyFor = () => undefined;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the proxy settings of `env`. Lower-case names win over upper-case ones, as in curl. This
 * machine itself is never reached through a proxy.
 *
 * @throws UsageError for a value that is not the address of an HTTP proxy.
 */
export function proxyFromEnvironment(env: Environment): ProxyFor {
  const name = ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'].find((one) => (env[one] ?? '') !== '');
  if (name === undefined) return direct;
  const proxy = parseProxy(name, env[name] ?? '');
  const exempt = parseNoProxy(env['no_proxy'] ?? env['NO_PROXY'] ?? '');
  return (url) => (isLoopback(url.href) || exempt(url) ? undefined : proxy);
}

function parseProxy(name: string, value: string): ProxyServer {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.hostname === '' || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    // The value may hold a password: it is not repeated.
    const found = url === undefined ? 'something that is no URL' : `a proxy of the kind ${url.protocol.slice(0, -1)}`;
    throw new UsageError('network.proxy', `${name} names ${found}; expected something like http://proxy.example:3128`);
  }
  const secure = url.protocol === 'https:';
  const user = url.username === '' ? undefined : `${decode(name, url.username)}:${decode(name, url.password)}`;
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    secure,
    ...(user === undefined ? {} : { authorization: `Basic ${Buffer.from(user, 'utf8').toString('base64')}` }),
  };
}

function decode(name: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UsageError('network.proxy', `the user name or password in ${name} is not percent-encoded`);
  }
}

/** Entries are `host`, `.suffix` or `*.suffix`, each with an optional `:port`, or `*` for everything. */
function parseNoProxy(list: string): (url: URL) => boolean {
  const rules = list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(parseRule);
  return (url) => rules.some((rule) => rule(url));
}

function parseRule(entry: string): (url: URL) => boolean {
  if (entry === '*') return () => true;
  // An IPv6 address without brackets has colons of its own.
  const [, named = entry, port] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(entry) ?? [];
  const host = named.replace(/^\[|\]$/g, '');
  const suffix = host.startsWith('*.') ? host.slice(1) : host;
  return (url) => {
    if (port !== undefined && port !== (url.port === '' ? '443' : url.port)) return false;
    const wanted = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
    return suffix.startsWith('.') ? wanted.endsWith(suffix) || wanted === suffix.slice(1) : wanted === suffix;
  };
}

/** How a proxy is called in messages: without its credentials. */
export function proxyName({ host, port }: ProxyServer): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
