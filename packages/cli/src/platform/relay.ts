/**
 * A way out for the key service, which has no network: a Unix socket of its own for each address that its platform
 * needs, such as a key broker's. What passes is not looked at, and nothing in it is trusted: the other end proves
 * itself to the key service, by TLS or by what it signs and encrypts.
 *
 * @module
 */
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UsageError } from '@vitrine/documents';

export interface RelayTarget {
  readonly host: string;
  readonly port: number;
}

export interface Relays {
  /** The folder that the key service has to reach. */
  readonly directory: string;
  /** Where the socket for an address is. */
  socketFor(url: string): string;
  close(): Promise<void>;
}

/** More at once than a key service has reason for. */
const MOST_CONNECTIONS = 16;

/** Where an http or https URL leads. @throws UsageError `platform.url`. */
export function targetOf(text: string): RelayTarget {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new UsageError('platform.url', `expected an http or https URL, found ${JSON.stringify(text)}`);
  }
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port };
}

/**
 * Opens one socket for each address.
 *
 * @param owner - Who may use them; absent: who called.
 * @param onUnreached - Told when an address takes no connection: inside that looks like one that broke off.
 */
export async function openRelays(
  urls: readonly string[],
  owner: { readonly uid: number; readonly gid: number } | undefined,
  onUnreached: (url: string, code: string) => void = () => undefined,
): Promise<Relays> {
  const directory = await mkdtemp(join(tmpdir(), 'vitrine-out-'));
  const files = new Map<string, string>();
  const servers: Server[] = [];
  const open = new Set<Socket>();
  const close = async (): Promise<void> => {
    for (const socket of open) socket.destroy();
    await Promise.all(servers.map((server) => new Promise((done) => void server.close(done))));
    await rm(directory, { recursive: true, force: true });
  };
  try {
    for (const url of new Set(urls)) {
      const file = join(directory, `${files.size}`);
      servers.push(await listen(file, targetOf(url), open, (code) => onUnreached(url, code)));
      if (owner !== undefined) await chown(file, owner.uid, owner.gid);
      files.set(url, file);
    }
    if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    directory,
    socketFor: (url) => {
      const file = files.get(url);
      if (file === undefined) throw new TypeError(`there is no way out to ${url}`);
      return file;
    },
    close,
  };
}

function listen(
  file: string,
  target: RelayTarget,
  open: Set<Socket>,
  onUnreached: (code: string) => void,
): Promise<Server> {
  let isUnreached = false;
  const server = createServer({ allowHalfOpen: true }, (inside) => {
    const outside = connect({ ...target, allowHalfOpen: true });
    outside.once('connect', () => {
      isUnreached = false;
    });
    outside.once('error', ({ code = 'unknown' }: NodeJS.ErrnoException) => {
      // Without an address of the other end there was no connection; each try of many need not be told.
      if (outside.remoteAddress !== undefined || isUnreached) return;
      isUnreached = true;
      onUnreached(code);
    });
    for (const [from, to] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      open.add(from);
      from.on('error', () => to.destroy());
      from.on('close', (failed) => {
        open.delete(from);
        // What was read already still has to get to the other side.
        if (failed) to.destroy();
        else to.end();
      });
      from.pipe(to);
    }
  });
  server.maxConnections = MOST_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(file, () => resolve(server));
  });
}
