/** A changed configuration takes over keys and data by a signed release, through the command line. */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { attestedTransport } from '@vitrine/client';
import { afterEach, expect } from 'vitest';
import { promise } from '../promises.ts';
import { type Running, type Workplace, workplace } from '../support/cli.ts';

const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const SERVER = `
import { fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
export default ({ keys, store }) => {
  const server = new McpServer({ name: 'box', version: '1.0.0' }, { capabilities: { tools: {} } });
  const inputSchema = fromJsonSchema({ type: 'object', properties: { value: { type: 'string' } } });
  const notes = store.collection('notes');
  const said = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) ?? 'nothing' }] });
  const common = { key: 'box', context: 'notes' };
  server.registerTool('hide', { inputSchema }, async ({ value }) => {
    const { ciphertext } = await keys.call('encrypt', { ...common, plaintext: Buffer.from(value).toString('base64url') });
    await notes.put('last', { ciphertext });
    return said(ciphertext);
  });
  server.registerTool('reveal', { inputSchema }, async () => {
    const { ciphertext } = await notes.get('last');
    const { plaintext } = await keys.call('decrypt', { ...common, ciphertext });
    return said(Buffer.from(plaintext, 'base64url').toString());
  });
  return server;
};
`;

const places: Workplace[] = [];
afterEach(async () => {
  await Promise.all(places.splice(0).map((made) => made.dispose()));
});

/** The server in a folder of its own, and a release key; gives the public key. */
async function prepared(): Promise<{ readonly user: Workplace; readonly releaseKey: string }> {
  const user = workplace();
  places.push(user);
  const scope = join(user.directory, 'server/node_modules/@modelcontextprotocol');
  await mkdir(scope, { recursive: true });
  for (const name of ['server', 'core']) {
    await cp(join(MODULES, '@modelcontextprotocol', name), join(scope, name), { recursive: true });
  }
  await cp(join(MODULES, 'zod'), join(user.directory, 'server/node_modules/zod'), { recursive: true });
  await writeFile(join(user.directory, 'server/main.mjs'), SERVER);
  const { stdout } = await user.run(['secrets', 'keygen', 'release.pem']);
  return { user, releaseKey: stdout.trim() };
}

/** Writes `vitrine.yaml`. */
async function configure(user: Workplace, number: number, upgrade: string, versions: string): Promise<void> {
  await writeFile(
    join(user.directory, 'vitrine.yaml'),
    `name: box
number: ${number}
server: { source: "module:./server/main.mjs" }
store: sealed
upgrade: ${upgrade}
keys:
  box:
    origin: derived
    algorithm: aes256
    ${versions}
    policy:
      rules:
        - { id: in, effect: allow, action: encrypt, contexts: [notes] }
        - { id: out, effect: allow, action: decrypt, contexts: [notes] }
`,
  );
}

async function call(user: Workplace, server: Running, name: string, value = ''): Promise<unknown> {
  const client = new Client({ name: 'person', version: '1.0.0' });
  await client.connect(
    attestedTransport(server.ready.url, {
      policy: 'default',
      referenceValues: JSON.parse(await readFile(server.ready.referenceValues, 'utf8')),
      simulatorRootPem: await readFile(join(user.home, 'simulator', 'root.pem'), 'utf8'),
    }),
  );
  const { content } = await client.callTool({ name, arguments: { value } });
  await client.close();
  return JSON.parse((content as readonly { readonly text: string }[])[0]?.text ?? '');
}

const RUN = ['run', '--listen', '127.0.0.1:0'];
const rootOf = ({ ready }: Running): unknown =>
  (ready as unknown as { readonly appRoot: { readonly id: string } }).appRoot.id;

promise(
  'P4',
  'a signed release rotates a key under the same root; unsigned ones and the way back are refused',
  async () => {
    const { user, releaseKey } = await prepared();
    const signed = `{ kind: signed, keys: ["${releaseKey}"], threshold: 1 }`;
    await configure(user, 1, signed, 'version: 1');
    const first = await user.start(['--genesis']);
    await call(user, first, 'hide', 'kept across versions');
    await first.stop();

    await configure(user, 2, signed, 'version: 2\n    retired: [1]');
    expect(await user.run(RUN)).toMatchObject({ code: 2, stderr: expect.stringContaining('vitrine release make') });
    expect(await user.run(['release', 'make', 'next.json'])).toMatchObject({ code: 0 });
    const unsigned = await user.run([...RUN, '--release', 'next.json']);
    expect(unsigned).toMatchObject({ code: 2, stderr: expect.stringContaining('0 of 1 listed keys have signed it') });
    await user.run(['release', 'sign', 'next.json', '--owner-key', 'release.pem']);
    const shown = await user.run(['release', 'show', 'next.json']);
    expect(shown.stdout).toContain('1 of 1 listed keys have signed it');

    const second = await user.start(['--release', 'next.json']);
    expect(rootOf(second)).toBe(rootOf(first));
    expect(await call(user, second, 'reveal')).toBe('kept across versions');
    const { url, referenceValues } = second.ready;
    const trust = ['--allow-simulator', '--reference', referenceValues];
    const keys = JSON.parse((await user.run(['keys', 'ls', url, ...trust, '--json'])).stdout);
    expect(JSON.stringify(keys)).toMatch(/"version":1,"state":"retired".*"version":2,"state":"active"/);
    const verified = (await user.run(['verify', url, ...trust])).stdout.replaceAll(/\s+/g, ' ');
    expect(verified).toContain('1 of 1 release keys, without delay');
    expect(verified).toContain('Whoever holds 1 of the 1 release keys can change code and policy');
    await second.stop();

    await (await user.start(['--release', 'next.json'])).stop();
    await configure(user, 1, signed, 'version: 1');
    const back = await user.run([...RUN, '--release', 'next.json']);
    expect(back).toMatchObject({ code: 2, stderr: expect.stringContaining('number 2, and 1 is running') });
  },
);
