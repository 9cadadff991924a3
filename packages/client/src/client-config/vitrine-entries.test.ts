import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bridgeEntry, npxBridge } from './bridge-entry.ts';
import { planEntry } from './entry-plan.ts';
import { CLIENT_IDS, clientTarget } from './mcp-clients.ts';
import { vitrineEntries } from './vitrine-entries.ts';

const URL_OF_SERVER = 'https://bank.example/mcp';

for (const id of CLIENT_IDS) {
  for (const platform of ['linux', 'darwin', 'win32'] as const) {
    const target = clientTarget(id, 'user', { env: {}, platform, homedir: '/home/ada', directory: '/home/ada/x' });
    if (target === undefined) throw new Error(`no client ${id}`);

    test(`${id} on ${platform}: what add writes is found again`, async () => {
      const npx = npxBridge('1.2.3', [URL_OF_SERVER], platform);
      expect(vitrineEntries(planEntry(target, 'bank', npx, undefined).after, target)).toEqual([
        { name: 'bank', url: URL_OF_SERVER, version: '1.2.3', ownPolicy: false, files: [] },
      ]);
      const paths = await bridgeEntry(URL_OF_SERVER, {
        execPath: '/usr/bin/node',
        platform,
        extra: ['--policy', '/home/ada/policy.json'],
        vitrineHome: '/home/ada/vitrine',
      });
      const [found] = vitrineEntries(planEntry(target, 'bank', paths, undefined).after, target);
      expect(found).toMatchObject({ name: 'bank', url: URL_OF_SERVER, ownPolicy: true, home: '/home/ada/vitrine' });
      expect(found?.files).toEqual(['/usr/bin/node', paths.args[0], '/home/ada/policy.json']);
    });
  }
}

const target = clientTarget('claude-desktop', 'user', { env: {}, platform: 'linux', homedir: '/h', directory: '/d' });

test('other entries are none of ours, whatever is in them', () => {
  if (target === undefined) throw new Error('no target');
  const entries = {
    a: null,
    b: { args: 3 },
    c: { command: 'npx', args: ['-y', '@vitrine/clientele@1', URL_OF_SERVER] },
    d: { command: 'vitrine', args: ['run', 'npm:a@1'] },
    e: { command: '/usr/bin/my-vitrine-connect.sh', args: [] },
    ours: { command: 'vitrine', args: ['connect', URL_OF_SERVER] },
  };
  expect(vitrineEntries(JSON.stringify({ mcpServers: entries }), target).map(({ name }) => name)).toEqual(['ours']);
});

test('any JSON object in place of the entries gives a list and no exception', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (mcpServers) => {
      if (target === undefined) throw new Error('no target');
      expect(Array.isArray(vitrineEntries(JSON.stringify({ mcpServers }), target))).toBe(true);
    }),
  );
});
