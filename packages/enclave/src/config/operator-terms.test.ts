/** What operators demand, from `vitrine.yaml` and flags to the settings. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { manifestShape } from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { temporaryDirectory, writeFiles } from '../testing/temporary-directory.ts';
import { parseConfiguration } from './configuration-file.ts';
import { resolveManifest } from './resolve-manifest.ts';
import { type RunFlags, type Settings, settingsOf } from './settings.ts';

const DIGEST = 'ab'.repeat(32);
const TOKEN = 'q7-3vN0_1aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567';

function settings(content: string, flags: RunFlags = {}): Settings {
  return settingsOf({ file: 'vitrine.yaml', configuration: parseConfiguration(content, 'vitrine.yaml') }, flags);
}

test('every term that a file can have', () => {
  const { terms, auth, sandbox, housing, server } = settings(`
server: {source: path:server, transport: http, port: 8123}
sandbox: bwrap
egress: [b.example.com:443, "*.a.example.com:8443", b.example.com:443]
isolation: shared
data: encrypted
auth: none
catalogue: pinned ${DIGEST}
limits: {memory: 256, requestsPerMinute: 60}
clients: attested
logs: {child: drop}
`);
  expect({ terms, auth, sandbox, housing }).toEqual({
    terms: {
      egress: [
        { host: '*.a.example.com', port: 8443 },
        { host: 'b.example.com', port: 443 },
      ],
      isolation: 'shared',
      data: 'encrypted',
      catalogue: { kind: 'pinned', digest: DIGEST },
      limits: { memory: 256, requestsPerMinute: 60 },
      clients: 'attested',
      logs: { child: 'drop' },
    },
    auth: { kind: 'none' },
    sandbox: 'bwrap',
    housing: 'best',
  });
  expect(server).toMatchObject({ transport: 'http', httpPort: 8123 });
});

test('flags for the sandbox, the way out and the port', () => {
  expect(settingsOf(undefined, { source: 'path:x', sandbox: 'none', egress: ['a.example.com:1'] })).toMatchObject({
    sandbox: 'none',
    housing: 'none',
    terms: { egress: [{ host: 'a.example.com', port: 1 }] },
  });
  expect(() => settings('server: path:x\nsandbox: bwrap', { sandbox: 'none' })).toThrow(/contradicts sandbox/);
  expect(() => settings('server: path:x\negress: [a.example.com:1]', { egress: ['b.example.com:1'] })).toThrow(
    /contradicts egress/,
  );
  expect(() => settingsOf(undefined, { source: 'path:x', transport: 'http' })).toThrow(/needs "port"/);
});

const wrong: Readonly<Record<string, readonly [string, RegExp]>> = {
  'a port without the transport': ['server:\n  source: path:x\n  port: 80', /^vitrine\.yaml:3:9: "port" is for/],
  'a transport without its port': [
    'server:\n  source: path:x\n  transport: http',
    /^vitrine\.yaml:3:14: .*needs "port"/,
  ],
  'a port beyond all': ['server: {source: path:x, transport: http, port: 65536}', /expected a port from 1 to 65535/],
  'an address as a way out': [
    'server: path:x\negress:\n  - a.example.com:1\n  - 10.0.0.1:80',
    /^vitrine\.yaml:4:5: .*never an address/,
  ],
  'a way out without a port': ['server: path:x\negress: [a.example.com]', /^vitrine\.yaml:2:10: egress\[0\]/],
  'a way out to port 0': ['server: path:x\negress: ["a.example.com:0"]', /expected <host>:<port>/],
  'a way out to everywhere': ['server: path:x\negress: ["*:443"]', /expected <host>:<port>/],
  'no way out, written as a list': ['server: path:x\negress: []', /^vitrine\.yaml:2:9: egress/],
  'a catalogue without a digest': ['server: path:x\ncatalogue: pinned', /^vitrine\.yaml:2:12: catalogue/],
  'an unknown kind of callers': ['server: path:x\nauth: {kind: nobody}', /^vitrine\.yaml:2:14: auth\.kind/],
  'callers as another word': ['server: path:x\nauth: anybody', /^vitrine\.yaml:2:7: auth/],
  'tokens nowhere': ['server: path:x\nauth: {kind: bearer}', /^vitrine\.yaml:2:7: bearer needs/],
  'tokens twice': [`server: path:x\nauth: {kind: bearer, tokens: {a: ${DIGEST}}, tokenFile: t}`, /and not both/],
  'a token in the clear': [
    `server: path:x\nauth: {kind: bearer, tokens: {a: ${TOKEN}}}`,
    /^vitrine\.yaml:2:34: auth\.tokens\.a/,
  ],
  'an issuer without TLS': [
    'server: path:x\nauth: {kind: oauth, issuer: "http://a.example"}',
    /^vitrine\.yaml:2:29: auth\.issuer/,
  ],
  'a memory of nothing': ['server: path:x\nlimits: {memory: 1}', /^vitrine\.yaml:2:18: limits\.memory/],
  'a sandbox that there is not': ['server: path:x\nsandbox: docker', /^vitrine\.yaml:2:10: sandbox/],
};
for (const [what, [content, message]] of Object.entries(wrong)) {
  promise('P3', `${what} is refused where it is written`, () => {
    expect(() => settings(content)).toThrow(message);
  });
}

async function manifestOf(content: string, files: Readonly<Record<string, string>> = {}) {
  const root = await temporaryDirectory();
  await writeFiles(root, { 'server/main.js': '', ...files });
  const { manifest } = await resolveManifest({
    settings: settings(content),
    directory: root,
    lockExactVersions: true,
    currentDirectory: root,
    stateDirectory: path.join(await temporaryDirectory(), 'state'),
    versions: { vitrine: '0.1.0', node: '24.21.0' },
    environment: { PATH: '' },
    onProgress: () => undefined,
  });
  expect(manifestShape.parse(manifest)).toMatchObject({ ok: true });
  return { manifest, root };
}

const SERVER = 'server: {source: path:server, entry: main.js}\n';

promise('P3', 'who may call is always in the manifest; nothing written means anybody on this machine', async () => {
  expect((await manifestOf(SERVER)).manifest.auth).toEqual({ kind: 'none' });
  await expect(manifestOf(`${SERVER}listen: {host: 0.0.0.0}\n`)).rejects.toThrow(/write "auth"/);
  expect((await manifestOf(`${SERVER}listen: {host: 0.0.0.0}\nauth: none\n`)).manifest.auth).toEqual({ kind: 'none' });
});

promise('P1', 'tokens of a file are in the manifest as digests only', async () => {
  const content = `${SERVER}auth: {kind: bearer, tokenFile: tokens.txt}\n`;
  const { manifest, root } = await manifestOf(content, { 'tokens.txt': `agent ${TOKEN}\n` });
  expect(manifest.auth).toEqual({ kind: 'bearer', tokens: { agent: expect.stringMatching(/^[0-9a-f]{64}$/) } });
  expect(JSON.stringify(manifest)).not.toContain(TOKEN.slice(0, 12));
  await writeFile(path.join(root, 'tokens.txt'), '');
  await expect(manifestOf(content)).rejects.toThrow(/cannot read the token file/);
});

promise('P3', 'every term that is written is in the manifest, and one that is not is absent', async () => {
  const plain = (await manifestOf(SERVER)).manifest;
  expect(Object.keys(plain)).toEqual(['type', 'number', 'name', 'server', 'sandbox', 'logs', 'auth', 'runtime']);
  const { manifest } = await manifestOf(
    `${SERVER}egress: [a.example.com:443]\nisolation: shared\ndata: ephemeral\ncatalogue: dynamic\nlimits: {cpu: 50}\nlogs: {child: drop}\n`,
  );
  expect(manifest).toMatchObject({
    egress: [{ host: 'a.example.com', port: 443 }],
    isolation: 'shared',
    data: 'ephemeral',
    catalogue: { kind: 'dynamic' },
    limits: { cpu: 50 },
    logs: { child: 'drop' },
  });
});
