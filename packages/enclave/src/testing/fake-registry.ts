/**
 * A package registry on loopback that serves packages made by a test, and the environment in which npm
 * uses it and nothing else. For tests only.
 *
 * Formats: the registry's package document as npm reads it; POSIX ustar in gzip.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary-directory.ts';

export interface FakePackage {
  readonly name: string;
  readonly version: string;
  /** Further members of package.json, such as `bin` and `dependencies`. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  readonly files?: Readonly<Record<string, string>>;
}

export interface FakeRegistry {
  /** Adds a version; the last one added of a package is `latest`. */
  publish(published: FakePackage): void;
  /** Serves other bytes than the integrity that it announces. */
  corrupt(name: string): void;
  /** Stops listening, as if the network were gone. */
  goDown(): Promise<void>;
  /** This process's environment with npm pointed at the registry. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

export async function startFakeRegistry(...packages: readonly FakePackage[]): Promise<FakeRegistry> {
  const published: FakePackage[] = [...packages];
  const corrupted = new Set<string>();
  const server = createServer((request, response) => {
    const url = decodeURIComponent((request.url ?? '').slice(1));
    const [name = '', file] = url.split('/-/');
    const versions = published.filter((one) => one.name === name);
    const wanted = versions.find((one) => `${one.version}.tgz` === file);
    if (wanted !== undefined) {
      response.end(corrupted.has(name) ? gzipSync('something else') : tarball(wanted));
    } else if (versions.length === 0 || file !== undefined) {
      response.writeHead(404, { 'Content-Type': 'application/json' }).end('{"error":"Not found"}');
    } else {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(document(origin(), versions)));
    }
  });
  const origin = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const goDown = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  onTestFinished(goDown);
  const home = await temporaryDirectory();
  return {
    publish: (one) => void published.push(one),
    corrupt: (name) => void corrupted.add(name),
    goDown,
    environment: {
      ...process.env,
      HOME: home,
      npm_config_registry: `${origin()}/`,
      npm_config_cache: path.join(home, 'cache'),
      npm_config_userconfig: path.join(home, 'npmrc'),
      npm_config_fetch_retries: '0',
    },
  };
}

function document(origin: string, versions: readonly FakePackage[]): unknown {
  const last = versions.at(-1);
  return {
    name: last?.name,
    'dist-tags': { latest: last?.version },
    versions: Object.fromEntries(
      versions.map((one) => [
        one.version,
        {
          ...packageFile(one),
          dist: {
            tarball: `${origin}/${one.name}/-/${one.version}.tgz`,
            integrity: `sha512-${createHash('sha512').update(tarball(one)).digest('base64')}`,
          },
        },
      ]),
    ),
  };
}

function packageFile(one: FakePackage): Readonly<Record<string, unknown>> {
  return { name: one.name, version: one.version, ...one.manifest };
}

function tarball(one: FakePackage): Buffer {
  const files = { 'package.json': JSON.stringify(packageFile(one)), ...one.files };
  const entries = Object.entries(files).map(([name, content]) => tarEntry(`package/${name}`, Buffer.from(content)));
  return gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));
}

function tarEntry(name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(512);
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`;
  header.write(name, 0, 100);
  header.write(octal(0o644, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(content.length, 12), 124);
  header.write(octal(0, 12), 136);
  header.write('        0', 148);
  header.write('ustar\x0000', 257);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}
