import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createServer, type Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { ServerFailedError } from './gateway/failure.ts';
import { createGateway, type Gateway, type GatewayOptions } from './gateway/gateway.ts';
import { plainHousing } from './gateway/testing/served.ts';
import { localKeyService } from './local-key-service.ts';
import { type EnclaveOptions, type RunningEnclave, startEnclave } from './run-enclave.ts';
import { ask, dial, MANIFEST, quoteSource } from './testing/open-door.ts';

interface FakeGateway {
  readonly calls: string[];
  readonly ready: PromiseWithResolvers<void>;
  readonly closing: PromiseWithResolvers<void>;
  readonly create: (options: GatewayOptions) => Gateway;
}

function fakeGateway(): FakeGateway {
  const calls: string[] = [];
  const ready = Promise.withResolvers<void>();
  const closing = Promise.withResolvers<void>();
  return {
    calls,
    ready,
    closing,
    create: () => {
      calls.push('create');
      return {
        ready: ready.promise,
        handle: async (_, response) => void response.end('x'),
        close: (graceMs) => {
          calls.push(`close ${graceMs}`);
          return closing.promise;
        },
      };
    },
  };
}

async function start(gateway: EnclaveOptions['gateway'], more: Partial<EnclaveOptions> = {}): Promise<RunningEnclave> {
  const manifest = more.manifest ?? MANIFEST;
  const randomBytes = (length: number): Uint8Array => globalThis.crypto.getRandomValues(new Uint8Array(length));
  const enclave = await startEnclave({
    manifest,
    housing: plainHousing({ command: process.execPath, args: ['-e', ''], cwd: process.cwd(), environment: {} }),
    fetch: () => Promise.reject(new Error('no network here')),
    keys: localKeyService({ source: quoteSource, manifest, randomBytes }),
    listen: { host: '127.0.0.1', port: 0, publicHosts: [] },
    gateway,
    onServerLog: () => undefined,
    now: () => new Date(),
    randomBytes,
    ...more,
  });
  onTestFinished(() => enclave.stop(0));
  return enclave;
}

const status = async (enclave: RunningEnclave, path: string): Promise<number> =>
  (await ask(enclave, [`GET ${path} HTTP/1.1`, `Host: localhost:${enclave.port}`])).status;

test('starting, ready, draining, stopped', async () => {
  const fake = fakeGateway();
  const enclave = await start(fake.create);
  expect(enclave.url).toBe(`https://127.0.0.1:${enclave.port}/mcp`);
  expect([await status(enclave, '/readyz'), await status(enclave, '/mcp')]).toEqual([503, 503]);
  fake.ready.resolve();
  await enclave.ready;
  expect([await status(enclave, '/readyz'), await status(enclave, '/mcp')]).toEqual([200, 200]);

  const open = await dial(enclave.port);
  open.on('error', () => undefined);
  const ended = new Promise((resolve) => open.once('close', resolve));
  const stopped = enclave.stop(1234);
  await expect(dial(enclave.port)).rejects.toThrow();
  fake.closing.resolve();
  await Promise.all([stopped, enclave.stop(0), ended]);
  expect(fake.calls).toEqual(['create', 'close 1234']);
});

promise('P3', 'evidence carries the manifest that was started, and the boot binding names its digest', async () => {
  const fake = fakeGateway();
  fake.closing.resolve();
  const enclave = await start(fake.create);
  const bundle = await enclave.evidence.boot();
  expect(bundle.manifest).toEqual(MANIFEST);
  expect(bundle.boot).toEqual(enclave.evidence.bootBinding);
});

promise('P4', 'every start makes a key of its own', async () => {
  const fake = fakeGateway();
  fake.closing.resolve();
  const [one, two] = [await start(fake.create), await start(fake.create)];
  expect(one.evidence.bootBinding.tlsSpki).not.toBe(two.evidence.bootBinding.tlsSpki);
  expect(one.evidence.bootBinding.nonce).not.toBe(two.evidence.bootBinding.nonce);
});

promise('P8', 'a server that dies at start: its exit code and last words, and nothing left listening', async () => {
  const lines: string[] = [];
  const launch = {
    command: process.execPath,
    args: ['-e', 'process.stderr.write("no database\\n"); process.exit(7)'],
    cwd: process.cwd(),
    environment: {},
  };
  const enclave = await start(createGateway, {
    manifest: { ...MANIFEST, logs: { child: 'operator' } },
    housing: plainHousing(launch),
    onServerLog: (line) => void lines.push(line),
  });
  const failure = await enclave.failed;
  expect(failure).toBeInstanceOf(ServerFailedError);
  expect(failure).toMatchObject({ code: 'server.failed', message: 'the server exited with code 7:\n  no database' });
  await expect(enclave.ready).rejects.toBe(failure);
  expect(lines).toContain('no database');
  await expect(dial(enclave.port)).rejects.toThrow();
});

test('a command that cannot be started is the server’s failure', async () => {
  const launch = { command: '/nowhere/server', args: [], cwd: process.cwd(), environment: {} };
  const enclave = await start(createGateway, { housing: plainHousing(launch) });
  await expect(enclave.failed).resolves.toMatchObject({
    code: 'server.failed',
    message: expect.stringContaining('ENOENT'),
  });
});

promise('P4', 'when the key service ends by itself, nothing is served any more, and why is said', async () => {
  const fake = fakeGateway();
  fake.closing.resolve();
  fake.ready.resolve();
  const { promise: ended, resolve: end } = Promise.withResolvers<Error>();
  const closed: string[] = [];
  const local = localKeyService({
    source: quoteSource,
    manifest: MANIFEST,
    randomBytes: (length) => new Uint8Array(length),
  });
  const enclave = await start(fake.create, {
    keys: { ...local, failed: ended, close: async () => void closed.push('keys') },
  });
  await enclave.ready;
  end(new Error('it was ended by SIGKILL'));
  const failure = await enclave.failed;
  expect(failure).toMatchObject({ code: 'keys.failed', message: expect.stringContaining('ended by SIGKILL') });
  await expect(dial(enclave.port)).rejects.toThrow();
  expect([fake.calls, closed]).toEqual([['create', 'close 0'], ['keys']]);
});

promise('P4', 'a key service that ends while the server starts is the failure that is told', async () => {
  const fake = fakeGateway();
  const local = localKeyService({
    source: quoteSource,
    manifest: MANIFEST,
    randomBytes: (length) => new Uint8Array(length),
  });
  const enclave = await start(
    (options) => {
      const gateway = fake.create(options);
      return { ...gateway, close: async () => fake.ready.reject(new ServerFailedError('closed')) };
    },
    { keys: { ...local, failed: Promise.resolve(new Error('no more')) } },
  );
  await expect(enclave.ready).rejects.toMatchObject({ code: 'keys.failed' });
  await expect(enclave.failed).resolves.toMatchObject({ code: 'keys.failed' });
});

promise('P4', 'an enclave without evidence does not open its door', async () => {
  const local = localKeyService({
    source: quoteSource,
    manifest: MANIFEST,
    randomBytes: (length) => new Uint8Array(length),
  });
  const bind = (): Promise<never> => Promise.reject(new Error('the device is gone'));
  await expect(start(fakeGateway().create, { keys: { ...local, bind } })).rejects.toThrow('the device is gone');
});

test('a stop while starting is no failure of the server', async () => {
  const fake = fakeGateway();
  fake.closing.resolve();
  const enclave = await start(fake.create);
  const outcome = Promise.race([enclave.failed, enclave.stop(0).then(() => 'stopped')]);
  fake.ready.reject(new ServerFailedError('closed'));
  await expect(enclave.ready).rejects.toThrow('closed');
  expect(await outcome).toBe('stopped');
});

test('a port in use: no server is started, and its housing is closed', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port } = other.address() as { port: number };
  const fake = fakeGateway();
  const launch = { command: process.execPath, args: ['-e', ''], cwd: process.cwd(), environment: {} };
  const housing = { ...plainHousing(launch), close: async () => void fake.calls.push('housing closed') };
  try {
    const starting = start(fake.create, { housing, listen: { host: '127.0.0.1', port, publicHosts: [] } });
    await expect(starting).rejects.toMatchObject({ name: 'UsageError', code: 'listen.in-use' });
    expect(fake.calls).toEqual(['housing closed']);
  } finally {
    other.close();
  }
});

test('a gateway that cannot be made leaves nothing listening', async () => {
  const servers: Server[] = [];
  const onListen = (message: unknown): void => void servers.push((message as { server: Server }).server);
  subscribe('tracing:net.server.listen:asyncEnd', onListen);
  onTestFinished(() => void unsubscribe('tracing:net.server.listen:asyncEnd', onListen));
  const create = (): never => {
    expect(servers.map((server) => server.listening)).toEqual([true]);
    throw new Error('no gateway');
  };
  await expect(start(create)).rejects.toThrow('no gateway');
  expect(servers.map((server) => server.listening)).toEqual([false]);
});

promise('P7', 'nothing starts whose manifest demands what was not obtained', async () => {
  const fake = fakeGateway();
  const { auth: _auth, ...silent } = MANIFEST;
  for (const manifest of [
    { ...MANIFEST, sandbox: 'bwrap' } as const,
    { ...MANIFEST, clients: 'attested' } as const,
    silent,
  ]) {
    await expect(start(fake.create, { manifest })).rejects.toMatchObject({ code: 'manifest.unenforced' });
  }
  expect(fake.calls).toEqual([]);
});

promise('P1', 'the rate that the manifest says is the rate that callers have', async () => {
  const fake = fakeGateway();
  fake.ready.resolve();
  fake.closing.resolve();
  const manifest = { ...MANIFEST, limits: { requestsPerMinute: 2 } };
  const enclave = await start(fake.create, { manifest });
  await enclave.ready;
  const statuses = [await status(enclave, '/mcp'), await status(enclave, '/mcp'), await status(enclave, '/mcp')];
  expect(statuses).toEqual([200, 200, 429]);
});

promise('P1', 'as many requests run at once as the manifest says, and no more', async () => {
  const fake = fakeGateway();
  fake.ready.resolve();
  fake.closing.resolve();
  const reached = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const gateway = (options: GatewayOptions): Gateway => ({
    ...fake.create(options),
    async handle(_, response) {
      reached.resolve();
      await over.promise;
      response.end('x');
    },
  });
  const enclave = await start(gateway, { manifest: { ...MANIFEST, limits: { concurrentRequests: 1 } } });
  await enclave.ready;
  const first = status(enclave, '/mcp');
  await reached.promise;
  expect(await status(enclave, '/mcp')).toBe(429);
  over.resolve();
  expect(await first).toBe(200);
});
