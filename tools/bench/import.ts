/**
 * How long loading the packed verifier takes, inside a fresh process each time.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import type { Installation } from '../packed.ts';
import type { Figure } from './statistics.ts';

const RUNS = 15;
const PROGRAM =
  "const start = performance.now(); await import('@vitrine/verifier'); process.stdout.write(String(performance.now() - start));";

export async function benchImport(installation: Installation): Promise<readonly Figure[]> {
  const samples = Array.from({ length: RUNS }, () =>
    Number(
      execFileSync(process.execPath, ['--input-type=module', '-e', PROGRAM], {
        cwd: installation.directory,
        encoding: 'utf8',
      }),
    ),
  );
  return [{ name: 'importing `@vitrine/verifier`', samples, unit: 'ms', target: 'under 50 ms' }];
}
