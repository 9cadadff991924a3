/** Sockets from server processes to the key service, from the start of a process to its end. */
import { type ChildProcessWithoutNullStreams, fork, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ownProcessGroup } from './process-group.ts';
import { type KeyDouble, keyDouble } from './testing/key-double.ts';
import { launchOf, plainHousing, type Served, type ServerLaunch, said, serveIn, until } from './testing/served.ts';

async function serve(keys: KeyDouble, launch: ServerLaunch = launchOf('key-server.mjs')): Promise<Served> {
  return serveIn(plainHousing(launch, true), {}, { keys });
}

async function firstWords(socket: Socket): Promise<string> {
  const words = once(socket, 'data');
  socket.resume();
  const [chunk] = (await words) as [Buffer];
  return chunk.toString();
}

promise('P4', 'what a server writes before anybody listens reaches the key service whole', async () => {
  const keys = keyDouble({ hold: true });
  const served = await serve(keys);
  await served.gateway.ready;
  const [admitted] = keys.admitted;
  if (admitted === undefined) throw new Error('nobody was admitted');
  // The server has answered a request since then, so its early words have long been there.
  await until(() => served.log.includes('wrote early'));
  expect(admitted.socket.bytesRead).toBe(0);
  expect(await firstWords(admitted.socket)).toBe('early words\n');
  admitted.socket.write('an answer\n');
  await until(() => served.log.includes('read an answer'));
});

promise('P4', 'each process is another instance, with its principal, and is dismissed at its end', async () => {
  const keys = keyDouble();
  const served = await serve(keys, launchOf('legacy-server.mjs'));
  const [one, two] = [await served.legacyClient(), await served.legacyClient()];
  await until(() => keys.admitted.length >= 2);
  const ids = keys.admitted.map(({ instance }) => instance.id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { instance } of keys.admitted) expect(instance).toMatchObject({ principal: 'anybody', isolated: true });
  expect(keys.dismissed).toEqual([]);
  await Promise.all([one.close(), two.close()]);
  await served.gateway.close(0);
  expect([...keys.dismissed].sort()).toEqual([...ids].sort());
});

promise('P4', 'a server that everybody shares says so', async () => {
  const keys = keyDouble();
  const served = await serveIn(plainHousing(launchOf('legacy-server.mjs'), true), {}, { keys, shared: true });
  await served.gateway.ready;
  expect(keys.admitted[0]?.instance.isolated).toBe(false);
});

promise('P4', 'a server whose socket is not taken is ended', async () => {
  const keys = keyDouble({ refuse: 'this code is not known' });
  const served = await serve(keys);
  await expect(served.gateway.ready).rejects.toThrow('the key service did not take its socket');
  expect(served.log).toContain('gateway: the key service refused a server: this code is not known');
});

promise('P4', 'the questions are answered before the first process is admitted', async () => {
  const order: string[] = [];
  const keys = keyDouble();
  const served = await serveIn(
    plainHousing(launchOf('legacy-server.mjs'), true),
    {},
    {
      keys: {
        ...keys,
        attend: () => order.push('attend'),
        admit: async () => void order.push('admit'),
      },
    },
  );
  await served.gateway.ready;
  expect(order[0]).toBe('attend');
  expect(order).toContain('admit');
});

promise('P4', 'a server that closes its socket, or leaves it to a helper, ends like any other', async () => {
  const keys = keyDouble();
  const served = await serve(keys, launchOf('key-server.mjs', ['--close']));
  await served.gateway.ready;
  await until(() => served.log.includes('closed'));
  await served.gateway.close(0);
  expect(keys.dismissed).toHaveLength(keys.admitted.length);
});

promise('P4', 'where no key is needed, a server has no such socket', async () => {
  const keys = keyDouble();
  const served = await serveIn(plainHousing(launchOf('key-server.mjs')), {}, { keys });
  await served.gateway.ready;
  await until(() => served.log.includes('no socket'));
  expect(keys.admitted).toEqual([]);
});

promise('P4', 'a command that cannot be started is the server’s failure, and nobody is admitted', async () => {
  const keys = keyDouble();
  const launch = { command: '/nowhere/server', args: [], cwd: process.cwd(), environment: {} };
  const served = await serve(keys, launch);
  await expect(served.gateway.ready).rejects.toThrow('ENOENT');
  expect(keys.admitted).toEqual([]);
});

promise('P4', 'when the key service hangs up, the server sees the end of its socket', async () => {
  const keys = keyDouble();
  const served = await serve(keys);
  await served.gateway.ready;
  keys.admitted[0]?.socket.destroy();
  await until(() => served.log.includes('end of the socket'));
});

promise('P4', 'a program beside a server is another instance, and the server’s calls are its calls', async () => {
  const keys = keyDouble();
  const plain = plainHousing(launchOf('legacy-server.mjs'), true);
  const served = await serveIn(
    {
      ...plain,
      keySockets: [3, 4],
      house: async (principal) => ({
        ...(await plain.house(principal)),
        start: () => {
          const { command, args, cwd, environment } = launchOf('legacy-server.mjs');
          const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'];
          const detached = ownProcessGroup;
          return spawn(command, [...args], {
            cwd,
            env: { ...environment },
            detached,
            stdio,
          }) as ChildProcessWithoutNullStreams;
        },
      }),
    },
    {},
    { keys },
  );
  const client = await served.modernClient();
  const call = client.callTool({ name: 'open', arguments: { name: 'x' } });
  call.catch(() => undefined);
  await said(served, 'opens x');
  const ids = keys.admitted.map(({ instance }) => instance.id);
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(2);
  expect(ids.map((id) => keys.gateway().runningTools(id))).toEqual([['open'], ['open']]);
  await served.gateway.close(0);
  expect([...keys.dismissed].sort()).toEqual([...ids].sort());
});

promise('P4', 'a socket reaches a key service in another process with everything that was written to it', async () => {
  const other = fork(fileURLToPath(new URL('testing/other-process.mjs', import.meta.url)), { execArgv: [] });
  onTestFinished(() => void other.kill('SIGKILL'));
  const held = keyDouble({ hold: true });
  const served = await serveIn(
    plainHousing(launchOf('key-server.mjs'), true),
    {},
    {
      keys: {
        ...held,
        async admit(instance, socket) {
          await held.admit(instance, socket);
          await until(() => served.log.includes('wrote early'));
          const taken = once(other, 'message');
          other.send('take', socket);
          expect(await taken).toEqual(['early words\n', undefined]);
        },
      },
    },
  );
  await until(() => served.log.includes('read answer of another process'));
  other.kill('SIGKILL');
  await until(() => served.log.includes('end of the socket'));
});
