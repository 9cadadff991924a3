import { once } from 'node:events';
import { readFile, stat, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { formatEvidenceBundle } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type SimulatedEnclave, simulatedEnclave } from '../testing/evidence.ts';
import { serveMcp } from '../testing/mcp-server.ts';
import { reply, startTestServer, type TestServer } from '../testing/tls-server.ts';
import { authority, parseListenAddress } from './listen-address.ts';
import { type RunProxyOptions, runProxy, type StartedProxy } from './run-proxy.ts';

interface Scene {
  readonly enclave: SimulatedEnclave;
  readonly server: TestServer;
  readonly stopping: AbortController;
  /** Options for a server that is trusted, as far as a simulator can be. */
  readonly options: RunProxyOptions;
  readonly started: Promise<StartedProxy>;
}

async function inScene(action: (scene: Scene) => Promise<void>): Promise<void> {
  await using enclave = await simulatedEnclave();
  await using server = await startTestServer({
    attest: async (context) => reply(formatEvidenceBundle(await enclave.evidence(context))),
    serve: serveMcp,
  });
  const policy = join(enclave.home, 'policy.json');
  const reference = join(enclave.home, 'reference.json');
  await writeFile(policy, '{"type":"vitrine/appraisal-policy/v1","extends":"default"}');
  await writeFile(reference, JSON.stringify(await enclave.referenceValues()));
  const stopping = new AbortController();
  const { promise: started, resolve } = Promise.withResolvers<StartedProxy>();
  const options: RunProxyOptions = {
    url: server.url,
    flags: { policy, reference, 'simulator-root': enclave.simulator.rootFile },
    listen: '127.0.0.1:0',
    allowOrigins: [],
    tokenFile: undefined,
    env: { VITRINE_HOME: enclave.home },
    platform: process.platform,
    signal: stopping.signal,
    started: resolve,
    report: () => {},
  };
  await action({ enclave, server, stopping, options, started });
}

const ping = (token: string): RequestInit => ({
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
});

describe('vitrine proxy', () => {
  promise('P2', 'verifies, opens an endpoint for its token alone, and ends when told', () =>
    inScene(async ({ stopping, options, started }) => {
      const code = runProxy(options);
      const { url, token = '', verdict } = await started;
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/mcp$/);
      expect(Buffer.from(token, 'base64url')).toHaveLength(32);
      expect(verdict).toBe('simulated');
      expect(await (await fetch(url, ping(token))).json()).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
      expect((await fetch(url, ping(`${token}x`))).status).toBe(401);
      stopping.abort();
      expect(await code).toBe(0);
      await expect(fetch(url, ping(token))).rejects.toThrow();
    }),
  );

  promise('P4', 'writes the token for the user alone, and does not print it', () =>
    inScene(async ({ enclave, stopping, options, started }) => {
      const tokenFile = join(enclave.home, 'token');
      // As somebody else could have put it into a folder that all may write to.
      const other = join(enclave.home, 'other');
      await writeFile(other, 'old', { mode: 0o644 });
      await symlink(other, tokenFile);
      const code = runProxy({ ...options, tokenFile });
      const { url, ...said } = await started;
      const token = (await readFile(tokenFile, 'utf8')).trim();
      expect(said).toEqual({ tokenFile, verdict: 'simulated' });
      expect(await readFile(other, 'utf8')).toBe('old');
      expect((await fetch(url, ping(token))).status).toBe(200);
      if (process.platform !== 'win32') expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
      stopping.abort();
      expect(await code).toBe(0);
    }),
  );

  promise('P2', 'does not open for a server that is not pinned, or is a simulator that was not allowed', () =>
    inScene(async ({ server, options }) => {
      const { policy = '', reference = '' } = options.flags;
      await expect(runProxy({ ...options, flags: {} })).rejects.toMatchObject({ check: 'pin.missing' });
      expect(server.attested()).toBe(0);
      await expect(runProxy({ ...options, flags: { policy, reference } })).rejects.toMatchObject({
        result: { verdict: 'simulated' },
      });
      expect(server.otherBytes()).toBe(0);
    }),
  );

  test('does not open where it would be reached from elsewhere, or where something else listens', () =>
    inScene(async ({ server, options }) => {
      const other = createServer().listen(0, '127.0.0.1');
      await once(other, 'listening');
      const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`;
      for (const [listen, code] of [
        ['0.0.0.0:0', 'proxy.loopback'],
        [taken, 'proxy.address'],
      ] as const) {
        await expect(runProxy({ ...options, listen })).rejects.toMatchObject({ code });
      }
      await expect(runProxy({ ...options, allowOrigins: ['http://localhost:5173/'] })).rejects.toMatchObject({
        code: 'proxy.origin',
        message: expect.stringContaining('did you mean http://localhost:5173?'),
      });
      await expect(runProxy({ ...options, allowOrigins: ['*'] })).rejects.toMatchObject({ code: 'proxy.origin' });
      expect(server.attested()).toBe(0);
      await new Promise((resolve) => other.close(resolve));
    }));
});

describe('addresses to listen on', () => {
  test.each([
    ['127.0.0.1:0', '127.0.0.1:0'],
    ['127.8.8.8:65535', '127.8.8.8:65535'],
    ['[::1]:80', '[::1]:80'],
    ['LocalHost:80', '127.0.0.1:80'],
  ])('%s', (text, expected) => {
    expect(authority(parseListenAddress(text))).toBe(expected);
  });

  test.each([
    ['8080', 'proxy.listen'],
    ['127.0.0.1', 'proxy.listen'],
    ['127.0.0.1:70000', 'proxy.listen'],
    ['127.0.0.1:1e3', 'proxy.listen'],
    ['::1:80', 'proxy.listen'],
    [':80', 'proxy.listen'],
    ['0.0.0.0:80', 'proxy.loopback'],
    ['[::]:80', 'proxy.loopback'],
    ['[::ffff:127.0.0.1]:80', 'proxy.listen'],
    ['127.0.0.300:80', 'proxy.loopback'],
    ['127.0.0.1.evil.example:80', 'proxy.loopback'],
    ['localhost.evil.example:80', 'proxy.loopback'],
  ])('not %s', (text, code) => {
    expect(() => parseListenAddress(text)).toThrow(expect.objectContaining({ code }));
  });
});
