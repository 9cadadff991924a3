/**
 * The one written form of a server's URL: what pins are filed under, what is contacted, and what is
 * written into other programs' configurations.
 *
 * Such configurations end on command lines, so a URL may hold no character that any shell treats
 * specially, quoted or not (compare CVE-2025-6514).
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])$/;
const PATH = /^\/(?:[A-Za-z0-9._~:@+,=/-]|%[0-9A-Fa-f]{2})*$/;

/**
 * Normalises `text`: https, lower-case host, no default port, path kept.
 *
 * @throws UsageError for another scheme, user info, query, fragment, and characters that have no place in a URL.
 */
export function normaliseUrl(text: string): string {
  const shown = JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
  if (text.startsWith('-') || !URL.canParse(text)) {
    throw new UsageError('url.malformed', `${shown} is not a URL; expected something like https://bank.example/mcp`);
  }
  const url = new URL(text);
  if (url.protocol === 'http:') {
    throw new UsageError(
      'url.scheme',
      `${shown} is plain HTTP, which cannot be attested; nothing was sent. Use https://`,
    );
  }
  if (url.protocol !== 'https:') {
    throw new UsageError('url.scheme', `${shown} has the scheme ${url.protocol.slice(0, -1)}; only https is possible`);
  }
  if (url.username !== '' || url.password !== '') {
    throw new UsageError('url.userinfo', 'the URL carries a user name or password; take it out');
  }
  if (/[?#]/.test(text)) {
    throw new UsageError('url.query', `${shown} has a query or fragment; the address of a server has neither`);
  }
  // Of some characters, one URL parser makes others and the next does not.
  if (/[^\x21-\x7e]|["<>\\^`{|}]/.test(text) || !HOST.test(url.hostname) || !PATH.test(url.pathname)) {
    throw new UsageError('url.characters', `${shown} has characters that a server URL may not contain`);
  }
  return `https://${url.host}${url.pathname}`;
}

/** Whether `url` names this machine by an address that cannot leave it. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
