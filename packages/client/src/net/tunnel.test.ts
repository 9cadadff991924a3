import { createServer } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { openAttestedSocket } from '../channel/attested-socket.ts';
import { startConnectProxy } from '../testing/connect-proxy.ts';
import { hollowBundle } from '../testing/evidence.ts';
import { reply, startTestServer } from '../testing/tls-server.ts';
import { isAllowedAddress } from './address-guard.ts';
import { outsideFetch } from './outside-fetch.ts';
import type { ProxyFor } from './proxy-environment.ts';
import { openTunnel } from './tunnel.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const through = (port: number, authorization?: string): ProxyFor => {
  const server = { host: '127.0.0.1', port, secure: false, ...(authorization === undefined ? {} : { authorization }) };
  return () => server;
};
const signal = (): AbortSignal => AbortSignal.timeout(10_000);
const target = new URL('https://bank.example/mcp');

describe('a tunnel through a proxy', () => {
  promise('P2', 'carries an attested connection, whose key and exporter are those of the server', async () => {
    const bundle = await hollowBundle();
    await using server = await startTestServer({ attest: async () => reply(bundle) });
    await using proxy = await startConnectProxy();
    const { judged, socket } = await openAttestedSocket(new URL(server.url), async (_bundle, channel) => channel, {
      timeLimitMs: 10_000,
      proxyFor: through(proxy.port, 'Basic canary'),
    });
    socket.destroy();
    expect(judged.leafSpki).toBe(Buffer.from(server.identity.spkiSha256).toString('hex'));
    expect(proxy.asked).toEqual([{ target: new URL(server.url).host, authorization: 'Basic canary' }]);
  });

  test.each([
    ['HTTP/1.1 407 Proxy Authentication Required\r\n\r\n', /user name and password.*HTTPS_PROXY/],
    ['HTTP/1.1 403 Forbidden\r\n\r\n', /does not allow connections to bank\.example/],
    ['HTTP/1.1 502 Bad Gateway\r\n\r\n', /could not connect to bank\.example \(502\)/],
    ['HTTP/1.1 200 OK\r\n\r\nhello', /bytes of its own/],
    ['what?\r\n\r\n', /does not speak HTTP/],
    ['', /cannot be reached or does not speak HTTP/],
  ])('P2 refuses the answer %j and names the proxy without its credentials', async (answer, message) => {
    await using proxy = await startConnectProxy({ answer });
    const opened = openTunnel(target, { proxyFor: through(proxy.port, 'Basic canary'), signal: signal() });
    const error = await opened.then(
      () => new Error('opened'),
      (caught: Error) => caught,
    );
    expect(error).toMatchObject({ code: 'network.proxy', message: expect.stringMatching(message) });
    expect(error.message).toContain(`127.0.0.1:${proxy.port}`);
    expect(error.message).not.toContain('canary');
  });

  promise('P2', 'to a proxy that is not there says which', async () => {
    await using proxy = await startConnectProxy();
    const { port } = proxy;
    await proxy[Symbol.asyncDispose]();
    await expect(openTunnel(target, { proxyFor: through(port), signal: signal() })).rejects.toMatchObject({
      code: 'network.proxy',
      message: expect.stringContaining('ECONNREFUSED'),
    });
  });

  promise('P2', 'ends when its time is over', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const stop = new AbortController();
    silent.once('connection', (socket) => {
      socket.on('error', () => {});
      stop.abort(new Error('over'));
    });
    await expect(openTunnel(target, { proxyFor: through(port), signal: stop.signal })).rejects.toThrow('over');
    silent.close();
  });
});

describe('fetch for the outside', () => {
  const options = { proxyFor: () => undefined, allowLoopback: false, timeLimitMs: 10_000, maxBytes: 1_000 };

  test.each([
    ['http://auth.example/', 'network.url'],
    ['ftp://auth.example/', 'network.url'],
    ['https://me:secret@auth.example/', 'network.url'],
    ['nothing', 'network.url'],
    ['http://127.0.0.1:1/', 'network.url'],
    ['https://127.0.0.1:1/', 'network.address'],
    ['https://localhost:1/', 'network.address'],
    ['https://169.254.169.254/latest', 'network.address'],
    ['https://[fe80::1]/', 'network.address'],
    ['https://[::ffff:169.254.169.254]/', 'network.address'],
    ['https://0.0.0.0/', 'network.address'],
  ])('P2 sends nothing to %s', async (url, code) => {
    const outside = outsideFetch({
      ...options,
      proxyFor: () => {
        throw new Error('a connection was asked for');
      },
    });
    await expect(outside.fetch(url)).rejects.toMatchObject({ code });
  });

  promise('P2', 'takes the tunnel, and does not believe a certificate that no authority vouches for', async () => {
    await using server = await startTestServer({ attest: async () => undefined });
    await using proxy = await startConnectProxy({ port: Number(new URL(server.url).port) });
    const outside = outsideFetch({ ...options, proxyFor: through(proxy.port) });
    await expect(outside.fetch('https://auth.example/token')).rejects.toMatchObject({
      code: 'network',
      message: expect.stringMatching(/auth\.example.*(?:SELF_SIGNED|CERT|ALTNAME)/),
    });
    expect(proxy.asked.map(({ target: one }) => one)).toEqual(['auth.example:443']);
    expect(server.otherBytes()).toBe(0);
    await outside.close();
  });

  promise('P2', 'does not believe it either where the environment switches that off', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    await using server = await startTestServer({ attest: async () => undefined });
    const outside = outsideFetch({ ...options, allowLoopback: true, proxyFor: () => undefined });
    await expect(outside.fetch(server.url, { method: 'POST', body: 'code=canary' })).rejects.toMatchObject({
      code: 'network',
    });
    expect(server.attested()).toBe(0);
    const { port } = new URL(server.url);
    const secure: ProxyFor = () => ({
      host: '127.0.0.1',
      port: Number(port),
      secure: true,
      authorization: 'Basic canary',
    });
    await expect(openTunnel(target, { proxyFor: secure, signal: signal() })).rejects.toMatchObject({
      code: 'network.proxy',
    });
    expect(server.attested()).toBe(0);
    await outside.close();
  });

  test.each([
    ['10.0.0.8', false, true],
    ['64:ff9b::a9fe:a9fe', true, false],
    ['64:ff9b::7f00:1', false, false],
    ['64:ff9b::808:808', false, true],
    ['168.63.129.16', true, false],
    ['::7f00:1', false, false],
    ['192.168.1.1', false, true],
    ['127.0.0.1', false, false],
    ['127.0.0.1', true, true],
    ['::1', false, false],
    ['::ffff:127.0.0.1', false, false],
    ['169.254.169.254', true, false],
    ['100.100.100.200', true, false],
    ['fd00:ec2::254', true, false],
    ['224.0.0.1', true, false],
    ['255.255.255.255', true, false],
    ['not an address', true, false],
  ])('address %s, this machine allowed %s: %s', (address, allowLoopback, expected) => {
    expect(isAllowedAddress(address, allowLoopback)).toBe(expected);
  });
});
