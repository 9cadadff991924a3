/**
 * `npm run bench`: the figures of docs/benchmarks.md. Both sides of each comparison run in turn in
 * one run; medians, with the fastest and the slowest beside them to show how noisy the machine was.
 * Arguments name groups, such as `npm run bench -- verifier snp`; without any, all are run.
 *
 * @module
 */
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { benchBridge } from './bench/bridge.ts';
import { benchBridgeLoad } from './bench/bridge-load.ts';
import { benchBrowser } from './bench/browser.ts';
import { benchGateway } from './bench/gateway.ts';
import { benchGatewayCrowd } from './bench/gateway-crowd.ts';
import { benchImport } from './bench/import.ts';
import { benchKeys } from './bench/keys.ts';
import { benchOthers } from './bench/others.ts';
import { benchPlatforms } from './bench/platforms.ts';
import { benchRun } from './bench/run.ts';
import { benchSandbox } from './bench/sandbox.ts';
import { benchSnp } from './bench/snp.ts';
import { type Figure, line } from './bench/statistics.ts';
import { benchStorage } from './bench/storage.ts';
import { benchVerdict } from './bench/verdict.ts';
import { benchVerifier } from './bench/verifier.ts';
import { type Installation, installPacked } from './packed.ts';

const GROUPS: Readonly<Record<string, (installation: Installation) => Promise<readonly Figure[]>>> = {
  verdict: benchVerdict,
  run: benchRun,
  bridge: benchBridge,
  'bridge-load': benchBridgeLoad,
  gateway: benchGateway,
  'gateway-crowd': benchGatewayCrowd,
  sandbox: benchSandbox,
  keys: benchKeys,
  storage: benchStorage,
  platforms: benchPlatforms,
  verifier: benchVerifier,
  snp: benchSnp,
  others: benchOthers,
  import: benchImport,
  browser: benchBrowser,
};

const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !Object.hasOwn(GROUPS, name));
if (unknown !== undefined) {
  process.stderr.write(`no group ${JSON.stringify(unknown)}; groups: ${Object.keys(GROUPS).join(', ')}\n`);
  process.exit(2);
}
process.stderr.write('building, packing and installing what is measured\n');
const installation = installPacked(fileURLToPath(new URL('..', import.meta.url)));
try {
  process.stdout.write(
    `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}\n\n`,
  );
  process.stdout.write('| what | median | fastest to slowest | target |\n|---|--:|--:|---|\n');
  for (const [name, bench] of Object.entries(GROUPS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    for (const figure of await bench(installation)) process.stdout.write(`${line(figure)}\n`);
  }
} finally {
  installation.dispose();
}
