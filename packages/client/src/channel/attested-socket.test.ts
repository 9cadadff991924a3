import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { MalformedEvidenceError } from '@vitrine/documents';
import type { ExpectedChannel } from '@vitrine/verifier';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { RefusedError, UnreachableError } from '../errors.ts';
import { hollowBundle } from '../testing/evidence.ts';
import { type AttestContext, reply, startTestServer, type TestServerOptions } from '../testing/tls-server.ts';
import { openAttestedSocket } from './attested-socket.ts';
import { channelIdentity, type TlsSession } from './tls-session.ts';

const LIMIT = { timeLimitMs: 10_000 };
const bundle = await hollowBundle();
const accept = async (): Promise<void> => {};

/** Runs one attestation that must fail, and checks that nothing else reached the server. */
async function refusal(options: TestServerOptions, limit = LIMIT): Promise<unknown> {
  await using server = await startTestServer(options);
  const error = await openAttestedSocket(new URL(server.url), accept, limit).then(
    ({ socket }) => socket.destroy(),
    (caught: unknown) => caught,
  );
  expect(server.otherBytes()).toBe(0);
  return error;
}

describe('an attested socket', () => {
  promise('P2', 'is judged by the nonce, exporter and key of this side, before anything else is sent', async () => {
    const seen: AttestContext[] = [];
    await using server = await startTestServer({
      attest: async (context) => {
        seen.push(context);
        return reply(bundle);
      },
    });
    const { judged, socket } = await openAttestedSocket(
      new URL(server.url),
      async (_bundle, channel): Promise<ExpectedChannel> => channel,
      LIMIT,
    );
    const [context] = seen;
    expect(judged.nonce).toBe(Buffer.from(context?.nonce ?? []).toString('base64url'));
    expect(judged.exporter).toBe(Buffer.from(context?.exporter ?? []).toString('base64url'));
    expect(judged.leafSpki).toBe(Buffer.from(server.identity.spkiSha256).toString('hex'));
    expect(context?.request.split('\r\n').slice(0, 5)).toEqual([
      'POST /.well-known/vitrine/attest HTTP/1.1',
      `Host: ${new URL(server.url).host}`,
      'Content-Type: application/json',
      'Accept: application/json',
      'Content-Length: 55',
    ]);
    expect(server.otherBytes()).toBe(0);
    socket.destroy();
  });

  promise('P2', 'is not handed over when the judge refuses, and the connection is closed', async () => {
    await using server = await startTestServer({ attest: async () => reply(bundle) });
    const judge = async (): Promise<never> => {
      throw new RefusedError('test', 'no');
    };
    await expect(openAttestedSocket(new URL(server.url), judge, LIMIT)).rejects.toMatchObject({ check: 'test' });
    await Promise.all([...server.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    expect(server.otherBytes()).toBe(0);
  });

  promise('P7', 'is not handed over to somebody who has given up while it was judged', async () => {
    await using server = await startTestServer({ attest: async () => reply(bundle) });
    const left = new AbortController();
    const judge = async (): Promise<void> => left.abort();
    const opened = openAttestedSocket(new URL(server.url), judge, { ...LIMIT, signal: left.signal });
    await expect(opened).rejects.toBeInstanceOf(UnreachableError);
    await Promise.all([...server.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  });

  promise('P2', 'never resumes a session: two connections are two handshakes with two exporters', async () => {
    const exporters: string[] = [];
    const reused: boolean[] = [];
    await using server = await startTestServer({
      attest: async ({ exporter, socket }) => {
        exporters.push(Buffer.from(exporter).toString('hex'));
        reused.push(socket.isSessionReused());
        return reply(bundle);
      },
    });
    for (let connection = 0; connection < 2; connection++) {
      (await openAttestedSocket(new URL(server.url), accept, LIMIT)).socket.destroy();
    }
    expect(reused).toEqual([false, false]);
    expect(new Set(exporters).size).toBe(2);
  });

  promise('P2', 'is refused by a server without an evidence endpoint', async () => {
    const error = await refusal({ attest: async () => reply('<html>', '404 Not Found') });
    expect(error).toMatchObject({ check: 'channel.endpoint' });
    expect((error as Error).message).toContain('not a Vitrine server');
  });

  promise('P7', 'is not decided when the server is busy, and says when to try again', async () => {
    const body = JSON.stringify({ type: 'vitrine/error/v1', code: 'busy', message: 'too many' });
    const error = await refusal({ attest: async () => reply(body, '503 Busy', 'Retry-After: 7\r\n') });
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ code: 'attest.busy' });
    expect((error as Error).message).toContain('in 7 s (busy: too many)');
  });

  promise('P7', 'shows another error of the server, with its control characters replaced', async () => {
    const message = 'a\u001b[31mred\u202e\u0007';
    const body = JSON.stringify({ type: 'vitrine/error/v1', code: 'no', message });
    const error = await refusal({ attest: async () => reply(body, '500 No') });
    expect((error as Error).message).toMatch(/HTTP 500 \(no: a\ufffd\[31mred\ufffd\ufffd\)$/);
  });

  promise('P2', 'is refused with a truncated bundle, garbage after it, or none', async () => {
    for (const text of [bundle.slice(0, -1), `${bundle} x`, '', '{}', `\ufeff${bundle}`]) {
      expect(await refusal({ attest: async () => reply(text) })).toBeInstanceOf(MalformedEvidenceError);
    }
  });

  promise('P2', 'is refused with a byte too many after the reply', async () => {
    const error = await refusal({ attest: async () => Buffer.concat([reply(bundle), Buffer.from('\n')]) });
    expect(error).toMatchObject({ check: 'channel.reply' });
  });

  promise('P2', 'is refused with a byte too many that comes while the evidence is being judged', async () => {
    let late: () => void = () => {};
    await using server = await startTestServer({
      attest: async ({ socket }) => {
        late = () => socket.write('x');
        return reply(bundle);
      },
    });
    const judge = async (): Promise<void> => {
      const [socket] = server.sockets;
      late();
      // The client drops the connection as soon as it sees the byte.
      await new Promise((resolve) => socket?.once('close', resolve));
    };
    await expect(openAttestedSocket(new URL(server.url), judge, LIMIT)).rejects.toMatchObject({
      check: 'channel.reply',
    });
    expect(server.otherBytes()).toBe(0);
  });

  promise('P2', 'is refused when the connection ends within the reply', async () => {
    const error = await refusal({
      attest: async ({ socket }) => {
        socket.end(reply(bundle).subarray(0, 400));
        return undefined;
      },
    });
    expect(error).toMatchObject({ code: 'attest.truncated' });
  });

  promise('P2', 'is refused when the server will close the connection after its evidence', async () => {
    const error = await refusal({ attest: async () => reply(bundle, '200 OK', 'Connection: close\r\n') });
    expect(error).toMatchObject({ check: 'channel.reply' });
  });

  promise('P7', 'is given up after the time limit', async () => {
    const error = await refusal({ attest: async () => undefined }, { timeLimitMs: 300 });
    expect(error).toMatchObject({ code: 'attest.timeout' });
  });

  promise('P2', 'is refused below TLS 1.3', async () => {
    const error = await refusal({
      attest: async () => reply(bundle),
      tls: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
    });
    expect(error).toMatchObject({ check: 'channel.tls' });
  });

  promise('P2', 'is refused by something that does not speak TLS', async () => {
    const received: Buffer[] = [];
    const server = createServer((socket) => {
      socket
        .on('error', () => {})
        .on('data', (chunk) => {
          received.push(chunk);
          socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const error = await openAttestedSocket(new URL(`https://127.0.0.1:${port}/`), accept, LIMIT).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ check: 'channel.tls' });
    expect(Buffer.concat(received).toString('latin1')).not.toContain('attest');
    server.close();
  });

  test('says that nobody listens', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const error = await openAttestedSocket(new URL(`https://127.0.0.1:${port}/`), accept, LIMIT).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ code: 'network', message: expect.stringContaining('ECONNREFUSED') });
  });
});

describe('the identity of a TLS session', () => {
  const session = (changes: Partial<Record<keyof TlsSession, () => unknown>>): TlsSession =>
    ({
      getProtocol: () => 'TLSv1.3',
      isSessionReused: () => false,
      getPeerCertificate: () => ({ raw: Buffer.alloc(1) }),
      exportKeyingMaterial: () => Buffer.alloc(32),
      ...changes,
    }) as unknown as TlsSession;

  const cases: readonly (readonly [string, TlsSession, string])[] = [
    ['an older protocol', session({ getProtocol: () => 'TLSv1.2' }), 'channel.tls'],
    ['a reused session', session({ isSessionReused: () => true }), 'channel.session'],
    ['no certificate, as an empty object', session({ getPeerCertificate: () => ({}) }), 'channel.certificate'],
    ['no certificate, as null', session({ getPeerCertificate: () => null }), 'channel.certificate'],
  ];
  for (const [name, value, check] of cases) {
    promise('P2', `is refused with ${name}`, () => {
      expect(() => channelIdentity(value)).toThrow(expect.objectContaining({ check }));
    });
  }
});
