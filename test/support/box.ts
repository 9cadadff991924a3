/**
 * A server with a derived key and the sealed store: what it hides it can reveal only with the same root of keys
 * and the same state. For tests of restarts, upgrades and hand-overs.
 *
 * @module
 */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/client';
import { type AttestedTransportOptions, attestedTransport } from '@vitrine/client';
import type { Running, Workplace } from './cli.ts';

const MODULES: string = fileURLToPath(new URL('../../node_modules', import.meta.url));
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
  server.registerTool('reveal', { inputSchema }, async ({ value }) => {
    const { ciphertext } = value ? { ciphertext: value } : await notes.get('last');
    const { plaintext } = await keys.call('decrypt', { ...common, ciphertext });
    return said(Buffer.from(plaintext, 'base64url').toString());
  });
  return server;
};
`;

/** The server in a folder of its own, and a release key; gives the public key. */
export async function prepareBox(user: Workplace): Promise<string> {
  const scope = join(user.directory, 'server/node_modules/@modelcontextprotocol');
  await mkdir(scope, { recursive: true });
  for (const name of ['server', 'core']) {
    await cp(join(MODULES, '@modelcontextprotocol', name), join(scope, name), { recursive: true });
  }
  await cp(join(MODULES, 'zod'), join(user.directory, 'server/node_modules/zod'), { recursive: true });
  await writeFile(join(user.directory, 'server/main.mjs'), SERVER);
  const { stdout } = await user.run(['secrets', 'keygen', 'release.pem']);
  return stdout.trim();
}

export interface BoxConfiguration {
  readonly number: number;
  /** YAML. */
  readonly upgrade: string;
  /** Lines of the key: `version` and what may follow it. */
  readonly versions: string;
  /** Further lines. */
  readonly more?: string;
}

/** Writes `vitrine.yaml`. */
export async function configureBox(
  user: Workplace,
  { number, upgrade, versions, more = '' }: BoxConfiguration,
): Promise<void> {
  await writeFile(
    join(user.directory, 'vitrine.yaml'),
    `name: box
number: ${number}
server: { source: "module:./server/main.mjs" }
store: sealed
upgrade: ${upgrade}
${more}
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

/** What trusts a simulated server of this workplace. */
export async function simulatedTrust(user: Workplace, server: Running): Promise<AttestedTransportOptions> {
  return {
    policy: 'default',
    referenceValues: JSON.parse(await readFile(server.ready.referenceValues, 'utf8')),
    simulatorRootPem: await readFile(join(user.home, 'simulator', 'root.pem'), 'utf8'),
  };
}

/** Calls one tool over a verified connection. */
export async function callBox(
  url: string,
  trust: AttestedTransportOptions,
  name: 'hide' | 'reveal',
  value = '',
): Promise<unknown> {
  const client = new Client({ name: 'person', version: '1.0.0' });
  await client.connect(attestedTransport(url, trust));
  const { content } = await client.callTool({ name, arguments: { value } });
  await client.close();
  return JSON.parse((content as readonly { readonly text: string }[])[0]?.text ?? '');
}

/** The root of keys that a started server told of. */
export function rootOf({ ready }: Running): string {
  return (ready as unknown as { readonly appRoot: { readonly id: string } }).appRoot.id;
}
