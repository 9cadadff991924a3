/** `catalogue: pinned` in the gateway, in front of a server whose tools change. */
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { ServerFailedError } from '../gateway/failure.ts';
import { launchOf, plainHousing, type Served, serveIn, textOf } from '../gateway/testing/served.ts';
import { catalogueDigest, readTools } from './tools.ts';

const SCHEMA = { type: 'object' };
const TOOLS = [
  { name: 'a', description: 'first', inputSchema: SCHEMA, 'x-unknown': 1 },
  { name: 'change', description: 'changes', inputSchema: SCHEMA, 'x-unknown': 1 },
  { name: 'b', description: 'second', inputSchema: SCHEMA, 'x-unknown': 1 },
];

function digestOf(tools: readonly object[]): string {
  const listed = readTools({ tools });
  if (listed === undefined) throw new Error('no tools');
  return catalogueDigest(new Map(listed.map(({ name, digest }) => [name, digest])));
}

const DIGEST = digestOf(TOOLS);

function pinnedServer(digest: string, args: readonly string[] = []): Promise<Served> {
  return serveIn(plainHousing(launchOf('changing-server.mjs', args)), {}, { catalogue: digest });
}

async function failureOf(served: Served): Promise<ServerFailedError> {
  const failure: unknown = await served.gateway.ready.catch((reason: unknown) => reason);
  if (failure instanceof ServerFailedError) return failure;
  throw new Error(`expected a ServerFailedError, got ${String(failure)}`);
}

const eras = [
  ['2025-11-25', (served: Served) => served.legacyClient()],
  ['2026-07-28', (served: Served) => served.modernClient()],
] as const;

for (const [era, connect] of eras) {
  describe(`a client of ${era}`, () => {
    promise('P3', 'sees and calls the tools that are pinned', async () => {
      const client = await connect(await pinnedServer(DIGEST));
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(['a', 'change', 'b']);
      expect(textOf(await client.callTool({ name: 'a', arguments: {} }))).toBe('called a');
    });

    promise('P3', 'neither sees nor calls a tool that is not pinned', async () => {
      const served = await pinnedServer(DIGEST);
      const client = await connect(served);
      await client.callTool({ name: 'change', arguments: {} });
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(['a', 'change']);
      await expect(client.callTool({ name: 'c', arguments: {} })).rejects.toMatchObject({ code: -32602 });
      expect(served.log).toContain('catalogue: 2 tools that are not pinned were taken out of a list');
    });

    promise('P3', 'no longer calls a tool once its entry has become another', async () => {
      const client = await connect(await pinnedServer(DIGEST));
      await client.callTool({ name: 'change', arguments: {} });
      await client.listTools();
      await expect(client.callTool({ name: 'b', arguments: {} })).rejects.toThrow(/not in the pinned catalogue/);
      expect(textOf(await client.callTool({ name: 'a', arguments: {} }))).toBe('called a');
    });

    promise('P3', 'cannot call what was never listed, or nothing at all', async () => {
      const client = await connect(await pinnedServer(DIGEST));
      for (const name of ['', 'c', 'A', 'a ', '__proto__', 'constructor']) {
        await expect(client.callTool({ name, arguments: {} })).rejects.toMatchObject({ code: -32602 });
      }
    });
  });
}

const others: readonly (readonly [what: string, digest: string])[] = [
  ['a tool less', digestOf(TOOLS.slice(0, 2))],
  ['a tool more', digestOf([...TOOLS, { name: 'c', inputSchema: SCHEMA }])],
  ['another description', digestOf(TOOLS.map((tool) => ({ ...tool, description: 'x' })))],
  [
    'without members that no schema knows',
    digestOf(TOOLS.map(({ name, description, inputSchema }) => ({ name, description, inputSchema }))),
  ],
  ['another name', digestOf(TOOLS.map((tool) => (tool.name === 'a' ? { ...tool, name: 'A' } : tool)))],
];
for (const [what, digest] of others) {
  promise('P3', `a server does not start where the pinned catalogue has ${what}`, async () => {
    const failure = await failureOf(await pinnedServer(digest));
    expect(failure.message).toContain(`expected catalogue ${digest}, found ${DIGEST} (3 tools)`);
  });
}

promise('P3', 'a server whose list has no names, or a name twice, does not start', async () => {
  expect((await failureOf(await pinnedServer(DIGEST, ['--unreadable']))).message).toMatch(/no list of named tools/);
  expect((await failureOf(await pinnedServer(DIGEST, ['--twins']))).message).toMatch(/two tools named "a"/);
});

promise('P3', 'a server of the newer era is held to its pin too', async () => {
  const housing = plainHousing(launchOf('modern-server.mjs'));
  const failure = await failureOf(await serveIn(housing, {}, { catalogue: DIGEST }));
  const [found = ''] = /(?<=found )[0-9a-f]{64}/.exec(failure.message) ?? [];
  const client = await (await serveIn(housing, {}, { catalogue: found })).modernClient();
  expect((await client.listTools()).tools.length).toBeGreaterThan(3);
  await client.callTool({ name: 'whoami', arguments: {} });
  await expect(client.callTool({ name: 'nothing', arguments: {} })).rejects.toThrow(/not in the pinned catalogue/);
});
