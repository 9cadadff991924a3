/**
 * The bundles that `vitrine add --mcpb` writes, judged by the program that defines the format.
 *
 * @module
 */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Pin } from '@vitrine/client';
import { presets } from '@vitrine/verifier';
import { afterAll, beforeAll, expect } from 'vitest';
import { pinnedBundle, writeBundle } from '../../packages/cli/src/mcpb/write-bundle.ts';
import { installedPeers } from '../../tools/peers.ts';
import { promise } from '../promises.ts';

const run = promisify(execFile);
const URL_A = 'https://bank.example/mcp';
const DIGEST = 'a'.repeat(96);
const pin: Pin & { readonly mode: 'exact' } = {
  mode: 'exact',
  technology: 'tdx',
  registers: { mrtd: DIGEST, rtmr0: DIGEST, rtmr1: DIGEST, rtmr2: DIGEST, rtmr3: DIGEST },
  manifestDigest: DIGEST,
  manifestNumber: 1,
  policy: 'strict',
  simulated: false,
  firstSeen: '2026-01-31T12:00:00.000Z',
};

interface Schemas {
  readonly VERSIONED_MANIFEST_SCHEMAS: Readonly<
    Record<string, { safeParse(value: unknown): { readonly success: boolean } }>
  >;
}

let folder: string;
let peer: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-mcpb-'));
  peer = join(await installedPeers(), 'node_modules', '@anthropic-ai', 'mcpb', 'dist');
  const made = pinnedBundle({
    file: 'bank.mcpb',
    url: URL_A,
    name: 'bank-example',
    version: '1.2.3',
    policy: presets.strict,
    pin,
  });
  await writeBundle(join(folder, 'bank.mcpb'), made);
  await run(process.execPath, [join(peer, 'cli', 'cli.js'), 'unpack', join(folder, 'bank.mcpb'), join(folder, 'out')]);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

promise('P2', 'a bundle is one by the reference program: it unpacks, and its manifest validates', async () => {
  const manifest = join(folder, 'out', 'manifest.json');
  const { stdout } = await run(process.execPath, [join(peer, 'cli', 'cli.js'), 'validate', manifest]);
  expect(stdout).toMatch(/passes/i);
  const schemas = (await import(pathToFileURL(join(peer, 'schemas', 'index.js')).href)) as Schemas;
  const strict = schemas.VERSIONED_MANIFEST_SCHEMAS['0.3'];
  const value = JSON.parse(await readFile(manifest, 'utf8')) as object;
  expect(strict?.safeParse(value).success).toBe(true);
  expect(strict?.safeParse({ ...value, unknown: 1 }).success).toBe(false);
});

promise('P2', 'the entry point of a bundle starts the same bridge as its command', async () => {
  // Stands in for npx and says what it was asked for.
  const npx = join(folder, 'npx');
  await writeFile(npx, `#!${process.execPath}\nprocess.stdout.write(JSON.stringify(process.argv.slice(2)));\n`);
  await chmod(npx, 0o755);
  const out = join(folder, 'out');
  const { stdout } = await run(process.execPath, [join(out, 'server', 'index.mjs')], { env: { PATH: folder } });
  const { server } = JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8')) as {
    readonly server: { readonly mcp_config: { readonly args: readonly string[] } };
  };
  // By names within its own folder, which stay the same wherever that is.
  expect(JSON.parse(stdout)).toEqual(server.mcp_config.args.map((arg) => arg.replace(/^\$\{__dirname\}\//, '')));
});
