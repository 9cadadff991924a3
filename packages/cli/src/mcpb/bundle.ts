/**
 * An MCP bundle (`.mcpb`): a file that desktop clients install by a double click. It starts the
 * bridge of one exact version with the policy and the reference values that are inside the bundle, so
 * it verifies by itself on a machine that has no pin.
 *
 * Whoever gets the bundle trusts what its maker accepted; the bundle itself is not signed. The bridge
 * is fetched by npx, which the machine must have.
 *
 * Format: MCPB manifest 0.3.
 *
 * @module
 */
import { type BridgeEntry, npxBridge } from '@vitrine/client';
import type { ReferenceValues } from '@vitrine/documents';
import type { AppraisalPolicy } from '@vitrine/verifier';
import { zipSync } from 'fflate';

export interface BundleContents {
  /** Normalised. */
  readonly url: string;
  /** What the client calls the server. */
  readonly name: string;
  /** Exact version of `@vitrine/client`. */
  readonly version: string;
  readonly policy: AppraisalPolicy;
  readonly referenceValues: ReferenceValues;
}

/** Placeholder that the host replaces by the folder of the unpacked bundle. */
const HERE = `\${__dirname}`;
const ENTRY_POINT = 'server/index.mjs';
/** The earliest time that the format can hold, in local time as the format wants it. */
const EPOCH: Date = new Date(1980, 0, 1);

/** The files of the bundle, by name. */
function bundleFiles(contents: BundleContents): Readonly<Record<string, string>> {
  const { url, name, version, policy, referenceValues } = contents;
  const bridge = (folder: string, platform: NodeJS.Platform): BridgeEntry =>
    npxBridge(
      version,
      [url, '--policy', `${folder}policy.json`, '--reference', `${folder}reference-values.json`],
      platform,
    );
  const manifest = {
    manifest_version: '0.3',
    name,
    display_name: `${new URL(url).host} (verified)`,
    version,
    description: `Verifies the code and configuration of ${url}, then relays to it`,
    author: { name: 'Vitrine' },
    server: {
      type: 'node',
      entry_point: ENTRY_POINT,
      mcp_config: {
        ...bridge(`${HERE}/`, 'linux'),
        // There npx is started by cmd, on whose command line a folder such as C:\R&D would be two commands.
        platform_overrides: { win32: { command: 'node', args: [`${HERE}\\${ENTRY_POINT.replaceAll('/', '\\')}`] } },
      },
    },
    tools_generated: true,
    prompts_generated: true,
    compatibility: { platforms: ['darwin', 'win32', 'linux'], runtimes: { node: '>=22.22.2' } },
  };
  return {
    'manifest.json': json(manifest),
    'policy.json': json(policy),
    'reference-values.json': json(referenceValues),
    [ENTRY_POINT]: entryPoint(bridge('', 'linux'), bridge('', 'win32')),
  };
}

/** The bundle's bytes: equal contents give equal bytes. */
export function makeBundle(contents: BundleContents): Uint8Array {
  const files = Object.entries(bundleFiles(contents)).sort(([a], [b]) => (a < b ? -1 : 1));
  const encoder = new TextEncoder();
  return zipSync(Object.fromEntries(files.map(([name, text]) => [name, encoder.encode(text)])), {
    level: 9,
    mtime: EPOCH,
    os: 0,
    attrs: 0,
  });
}

/** The same bridge, started in the folder of the bundle: for Windows, and for hosts that start the entry point. */
function entryPoint(posix: BridgeEntry, windows: BridgeEntry): string {
  return `import { spawn } from 'node:child_process';
import { join } from 'node:path';

const { command, args } = process.platform === 'win32' ? ${JSON.stringify(windows)} : ${JSON.stringify(posix)};
const bridge = spawn(command, args, { stdio: 'inherit', cwd: join(import.meta.dirname, '..') });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => bridge.kill(signal));
bridge.on('error', (error) => {
  process.stderr.write(\`cannot start npx: \${error.message}\\n\`);
  process.exitCode = 5;
});
bridge.on('exit', (code) => {
  process.exitCode = code ?? 5;
});
`;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
