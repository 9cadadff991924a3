/**
 * Binds a server to its address, with errors that say what to change.
 *
 * @module
 */
import type { AddressInfo, Server } from 'node:net';
import { UsageError } from '@vitrine/documents';
import type { ListenSettings } from '../config/settings.ts';

/**
 * Listens and gives the port.
 *
 * @throws UsageError with code `listen.in-use`, `listen.denied` or `listen.address`.
 */
export function listen(server: Server, settings: ListenSettings): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', (cause: NodeJS.ErrnoException) => reject(listenError(settings, cause)));
  server.listen({ host: settings.host, port: settings.port }, () => resolve((server.address() as AddressInfo).port));
  return promise;
}

function listenError(settings: ListenSettings, cause: NodeJS.ErrnoException): Error {
  const place = `${hostInUrl(settings.host)}:${settings.port}`;
  switch (cause.code) {
    case 'EADDRINUSE':
      return new UsageError(
        'listen.in-use',
        `cannot listen on ${place}: the port is in use. Choose another with --listen HOST:PORT; port 0 takes any free one`,
        { cause },
      );
    case 'EACCES':
    case 'EPERM':
      return new UsageError(
        'listen.denied',
        `cannot listen on ${place}: this user may not use the port. Choose one above 1023 with --listen HOST:PORT`,
        { cause },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new UsageError(
        'listen.address',
        `cannot listen on ${place}: ${settings.host} is not an address of this machine`,
        { cause },
      );
    default:
      return cause;
  }
}

/** `host` as it stands in an address; a wildcard is reached through this machine's own name. */
export function hostInUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}
