/**
 * `npm run bench`: the figures of docs/benchmarks.md. Both sides of each comparison run in turn in
 * one run; medians, with the fastest and the slowest beside them to show how noisy the machine was.
 *
 * @module
 */
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { benchBridge } from './bench/bridge.ts';
import { benchBrowser } from './bench/browser.ts';
import { benchImport } from './bench/import.ts';
import { benchOthers } from './bench/others.ts';
import { benchRun } from './bench/run.ts';
import { type Figure, line } from './bench/statistics.ts';
import { benchVerdict } from './bench/verdict.ts';
import { benchVerifier } from './bench/verifier.ts';
import { installPacked } from './packed.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

process.stderr.write('building, packing and installing what is measured\n');
const installation = installPacked(root);
try {
  process.stdout.write(
    `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}\n\n`,
  );
  process.stdout.write('| what | median | fastest to slowest | target |\n|---|--:|--:|---|\n');
  for (const bench of [benchVerdict, benchRun, benchBridge, benchVerifier, benchOthers, benchImport, benchBrowser]) {
    const figures: readonly Figure[] = await bench(installation);
    for (const figure of figures) process.stdout.write(`${line(figure)}\n`);
  }
} finally {
  installation.dispose();
}
