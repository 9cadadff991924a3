import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pin } from '@vitrine/client';
import { parseDocument, referenceValuesShape } from '@vitrine/documents';
import { parsePolicy, presets } from '@vitrine/verifier';
import { strFromU8, unzipSync } from 'fflate';
import { afterEach, beforeEach, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { pinnedBundle, requireBundleVersion, writeBundle } from './write-bundle.ts';

const DIGEST = 'a'.repeat(96);
const pin: Pin & { readonly mode: 'exact' } = {
  mode: 'exact',
  technology: 'tdx',
  registers: { mrtd: DIGEST, rtmr0: DIGEST, rtmr1: DIGEST, rtmr2: DIGEST, rtmr3: DIGEST },
  manifestDigest: DIGEST,
  manifestNumber: 3,
  policy: 'default',
  simulated: false,
  firstSeen: '2026-01-31T12:00:00.000Z',
};
const wanted = {
  file: 'bank.mcpb',
  url: 'https://bank.example/mcp',
  name: 'bank-example',
  version: '1.2.3',
  policy: presets.default,
  pin,
};

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-mcpb-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const filesOf = (bytes: Uint8Array): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(unzipSync(bytes)).map(([name, file]) => [name, strFromU8(file)]));

promise('P2', 'a bundle starts an exact bridge with the policy and reference values inside it', () => {
  const files = filesOf(pinnedBundle(wanted));
  expect(Object.keys(files)).toEqual(['manifest.json', 'policy.json', 'reference-values.json', 'server/index.mjs']);
  const { server, manifest_version } = JSON.parse(files['manifest.json'] ?? '');
  expect(manifest_version).toBe('0.3');
  const here = (leaf: string, separator: string): string => `\${__dirname}${separator}${leaf}`;
  const args = [
    '-y',
    '@vitrine/client@1.2.3',
    wanted.url,
    '--policy',
    here('policy.json', '/'),
    '--reference',
    here('reference-values.json', '/'),
  ];
  expect(server).toEqual({
    type: 'node',
    entry_point: 'server/index.mjs',
    mcp_config: {
      command: 'npx',
      args,
      // A folder such as C:\R&D must not stand on a command line of cmd.
      platform_overrides: { win32: { command: 'node', args: [`\${__dirname}\\server\\index.mjs`] } },
    },
  });
  expect(parsePolicy(files['policy.json'] ?? '', 'policy.json')).toEqual(presets.default);
  const { entries } = parseDocument(
    files['reference-values.json'] ?? '',
    referenceValuesShape,
    'reference-values.json',
  );
  expect(entries).toMatchObject([{ technology: 'tdx', registers: pin.registers, manifestDigest: DIGEST }]);
});

promise(
  'P2',
  'the entry point of a bundle puts no folder on a command line, and no address that cmd would change',
  () => {
    const entry = filesOf(pinnedBundle(wanted))['server/index.mjs'] ?? '';
    expect(entry).toContain(
      '["-y","@vitrine/client@1.2.3","https://bank.example/mcp","--policy","policy.json","--reference","reference-values.json"]',
    );
    expect(entry).toMatch(/spawn\(command, args, \{[^}]*cwd: /);
    expect(() => pinnedBundle({ ...wanted, url: 'https://bank.example/%CD%20' })).toThrow(
      expect.objectContaining({ code: 'entry.cmd' }),
    );
  },
);

promise('P3', 'equal servers give equal bundles, and another measurement another one', () => {
  const bytes = pinnedBundle(wanted);
  expect(pinnedBundle({ ...wanted, pin: { ...pin, firstSeen: '2026-03-01T00:00:00.000Z' } })).toEqual(bytes);
  const other = { ...pin, registers: { ...pin.registers, rtmr3: 'b'.repeat(96) } };
  expect(pinnedBundle({ ...wanted, pin: other })).not.toEqual(bytes);
});

promise('P7', 'there is no bundle for a simulator', () => {
  expect(() => pinnedBundle({ ...wanted, pin: { ...pin, simulated: true } })).toThrow(
    expect.objectContaining({ code: 'mcpb.simulated' }),
  );
});

promise('P3', 'there is no bundle whose bridge another machine could not fetch', async () => {
  await expect(requireBundleVersion('x.mcpb')).rejects.toMatchObject({ code: 'mcpb.unpublished' });
  const installed = join(folder, 'node_modules', '@vitrine', 'client');
  await mkdir(installed, { recursive: true });
  await expect(requireBundleVersion('x.mcpb', installed)).rejects.toMatchObject({ code: 'mcpb.unpublished' });
  const record = { version: '1.2.3', resolved: 'https://registry.example/client-1.2.3.tgz' };
  await writeFile(
    join(folder, 'node_modules', '.package-lock.json'),
    JSON.stringify({ packages: { 'node_modules/@vitrine/client': record } }),
  );
  expect(await requireBundleVersion('x.mcpb', installed)).toBe('1.2.3');
  await expect(requireBundleVersion('x.zip', installed)).rejects.toMatchObject({ code: 'mcpb.name' });
});

promise('P3', 'a bundle replaces no file', async () => {
  const file = join(folder, 'bank.mcpb');
  await writeBundle(file, Uint8Array.of(1));
  await expect(writeBundle(file, Uint8Array.of(2))).rejects.toMatchObject({ code: 'mcpb.unwritable' });
  await expect(writeBundle(join(folder, 'none', 'bank.mcpb'), Uint8Array.of(2))).rejects.toMatchObject({
    code: 'mcpb.unwritable',
  });
  expect([...(await readFile(file))]).toEqual([1]);
});
