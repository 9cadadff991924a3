/**
 * Where the local proxy listens: this machine, and nowhere else.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';

export interface ListenAddress {
  /** As Node's `listen` takes it. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/**
 * Reads `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`.
 *
 * @throws UsageError for anything that other machines could reach, and for what is no address.
 */
export function parseListenAddress(text: string): ListenAddress {
  const [, host = '', digits = ''] = /^(\[[0-9a-f:]+\]|[^:]+):([0-9]{1,5})$/i.exec(text) ?? [];
  const port = Number(digits);
  if (host === '' || port > 65_535) {
    throw new UsageError(
      'proxy.listen',
      `--listen ${JSON.stringify(text)}: expected an address and a port, such as 127.0.0.1:8080`,
    );
  }
  const loopback = host === '[::1]' || host.toLowerCase() === 'localhost' || isLoopbackV4(host);
  if (!loopback) {
    throw new UsageError(
      'proxy.loopback',
      `--listen ${JSON.stringify(text)} can be reached from elsewhere; expected 127.0.0.1, [::1] or localhost. Other machines should verify the server themselves`,
    );
  }
  // The name is looked up by nobody: what it stands for is not for a resolver to say.
  if (host.toLowerCase() === 'localhost') return { host: '127.0.0.1', port };
  return { host: host.replace(/^\[|\]$/g, ''), port };
}

function isLoopbackV4(host: string): boolean {
  const parts = /^127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(host)?.slice(1);
  return parts?.every((part) => Number(part) <= 255) === true;
}

/** Host and port as a URL has them. */
export function authority({ host, port }: ListenAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
