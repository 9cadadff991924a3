/**
 * Adds credentials to requests on their way out, over TLS connections that the enclave itself makes and
 * verifies. The server never has the value.
 *
 * The value is asked for with each request and forgotten with it. An answer's header that contains it is
 * left out. A host that repeats it in a body, or in another spelling, reveals it to the server: credentials
 * are for hosts that do not.
 *
 * Specification: RFC 9110; TLS 1.2 and 1.3, server names by RFC 6125.
 *
 * @module
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { connect, createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls';
import type { Destination } from './allow-list.ts';
import { type CredentialSpecs, headersOf, isCredentialHost, judgeCredentialRequest } from './credential-request.ts';
import { forwardRequest } from './forward.ts';
import { endToEnd } from './headers.ts';
import { inTime } from './in-time.ts';

export interface EgressCredentials {
  readonly specs: CredentialSpecs;
  /** The value of a credential; `undefined` while it has not been handed in. */
  readonly value: (name: string) => Promise<string | undefined>;
  /** PEM certificates that hosts are verified with; Node's own list unless a test says otherwise. */
  readonly anchors?: readonly string[];
}

/** A request as it was made through the proxy. */
export interface CredentialTarget {
  readonly host: string;
  readonly port?: number;
  /** With the query. */
  readonly path: string;
}

/** What it needs of the proxy. */
export interface CredentialHost {
  /** Counts and logs a refusal. */
  refuse(destination: Destination, why: string): { readonly refused: string };
  /** A connection to an address that has been judged. */
  open(destination: Destination): Promise<Socket | { readonly refused: string }>;
  readonly connectMs: number;
}

export interface CredentialEgress {
  isFor(host: string): boolean;
  serve(request: IncomingMessage, response: ServerResponse, target: CredentialTarget): Promise<void>;
}

/** Where TLS is, unless the manifest says something else. */
const TLS_PORT = 443;
/** Headers by which some programs let a request have another method, host or path than it has. */
const OVERRIDE = /^(?:forwarded|x-host|x-(?:forwarded|original|rewrite)-.*|x-(?:http-)?method(?:-override)?)$/;

export function credentialEgress(
  { specs, value, anchors = rootCertificates }: EgressCredentials,
  host: CredentialHost,
): CredentialEgress {
  let context: SecureContext | undefined;

  /** All values, or the name of the first that is missing. */
  async function valuesOf(names: readonly string[]): Promise<ReadonlyMap<string, string> | string> {
    const values = new Map<string, string>();
    for (const name of names) {
      const one = await value(name);
      if (one === undefined) return name;
      values.set(name, one);
    }
    return values;
  }

  async function secured(connection: Socket, servername: string): Promise<TLSSocket | undefined> {
    // Made once: reading all anchors takes longer than the rest.
    context ??= createSecureContext({ ca: [...anchors], minVersion: 'TLSv1.2' });
    const secure = connect({
      socket: connection,
      servername,
      secureContext: context,
      rejectUnauthorized: true,
      ALPNProtocols: ['http/1.1'],
    });
    secure.on('error', () => connection.destroy());
    connection.once('close', () => secure.destroy());
    try {
      await inTime(once(secure, 'secureConnect'), host.connectMs);
      return secure;
    } catch {
      secure.destroy();
      connection.destroy();
      return undefined;
    }
  }

  return {
    isFor: (name) => isCredentialHost(specs, name),
    async serve(request, response, target) {
      const asked = { ...target, method: request.method ?? '' };
      const named = { host: target.host, port: target.port ?? TLS_PORT };
      const judged = judgeCredentialRequest(specs, asked);
      if ('refused' in judged) return say(response, 403, host.refuse(named, judged.refused).refused);
      const { destination, names } = judged;
      let values: ReadonlyMap<string, string> | string;
      try {
        values = await valuesOf(names);
      } catch {
        return say(response, 503, 'the credential cannot be had at the moment');
      }
      if (typeof values === 'string') {
        const how = `its owner does that with \`vitrine secrets seal ${values}\``;
        return say(response, 503, `the credential ${values} has not been handed in yet; ${how}`);
      }
      const connection = await host.open(destination);
      if ('refused' in connection) return say(response, 403, connection.refused);
      const secure = await secured(connection, destination.host);
      if (secure === undefined) return say(response, 502, `no verified TLS connection to ${destination.host}`);
      const secrets = [...values.values()];
      try {
        forwardRequest(request, response, {
          connection: secure,
          path: target.path,
          headers: {
            ...withoutOwn(endToEnd(request.rawHeaders), headersOf(specs, destination.host)),
            host: destination.port === TLS_PORT ? destination.host : `${destination.host}:${destination.port}`,
            ...added(specs, values),
          },
          // Names have been put into lower case.
          mayAnswer: (name, text) =>
            !secrets.some((secret) => text.includes(secret) || name.includes(secret.toLowerCase())),
        });
      } catch {
        // Such as a value that cannot stand in a header; what it is must not be in any message.
        secure.destroy();
        say(response, 502, 'the request cannot be made');
      }
    },
  };
}

/** The headers that carry the values. */
function added(specs: CredentialSpecs, values: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(
    [...values].flatMap(([name, value]): (readonly [string, string])[] => {
      const spec = specs[name];
      return spec === undefined ? [] : [[spec.header, `${spec.prefix ?? ''}${value}`]];
    }),
  );
}

/** Some programs read an underscore, or whatever is no letter, in the name of a header as a hyphen. */
function withoutOwn(headers: Record<string, string[]>, own: ReadonlySet<string>): Record<string, string[]> {
  const kept = Object.entries(headers).filter(([name]) => {
    const read = name.replaceAll(/[^a-z0-9]/g, '-');
    return !own.has(read) && !OVERRIDE.test(read);
  });
  return Object.fromEntries(kept);
}

function say(response: ServerResponse, status: number, text: string): void {
  if (response.destroyed) return;
  response.writeHead(status, { 'Content-Type': 'text/plain', Connection: 'close' }).end(`${text}\n`);
}
