/**
 * From the start of the process to the verdict on a saved bundle, beside a Node process that does nothing.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Installation } from '../packed.ts';
import { host, vitrine } from './host.ts';
import { type Figure, timed } from './statistics.ts';

const RUNS = 21;

export async function benchVerdict(installation: Installation): Promise<readonly Figure[]> {
  const { url, referenceValues, stop } = await host(installation);
  const trust = ['--allow-simulator', '--reference', referenceValues];
  const bundle = join(installation.directory, 'evidence.json');
  await vitrine(installation, 'verify', url, ...trust, '--save', bundle);
  await stop();
  const verdicts: number[] = [];
  const nothing: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    verdicts.push(await timed(() => vitrine(installation, 'verify', bundle, ...trust, '--offline', '--json')));
    nothing.push(await timed(() => once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'exit')));
  }
  return [
    { name: 'process start to verdict of a saved bundle', samples: verdicts, unit: 'ms', target: 'under 400 ms' },
    { name: '… a Node process that does nothing', samples: nothing, unit: 'ms', target: '' },
  ];
}
