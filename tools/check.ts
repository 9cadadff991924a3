/**
 * `npm run check`: everything about the tree that a program can judge, in one go. Prints one line
 * per step and the full output of those that fail.
 *
 * @module
 */
import { spawnSync } from 'node:child_process';
import { checkTree } from './check-tree.ts';

interface Step {
  readonly name: string;
  readonly run: () => { readonly ok: boolean; readonly output: string };
}

const command = (name: string, ...args: readonly string[]): Step => ({
  name: [name, ...args].join(' '),
  run: () => {
    const done = spawnSync('npx', ['--no-install', name, ...args], {
      encoding: 'utf8',
      shell: process.platform === 'win32',
    });
    return { ok: done.status === 0, output: `${done.stdout}${done.stderr}` };
  },
});

const steps: readonly Step[] = [
  {
    name: 'tree: import direction, circles, ceilings, documentation links, words',
    run: () => {
      const problems = checkTree(process.cwd());
      return { ok: problems.length === 0, output: problems.join('\n') };
    },
  },
  command('tsc', '-p', 'tsconfig.check.json'),
  command('biome', 'ci', '--colors=off', '--diagnostic-level=warn', '--max-diagnostics=20'),
  command('oxlint', '--type-aware', 'packages', 'tools', 'test', 'examples'),
  command('knip', '--no-progress'),
];

let failed = 0;
for (const step of steps) {
  const started = performance.now();
  const { ok, output } = step.run();
  process.stdout.write(
    `${ok ? 'ok    ' : 'FAILED'}  ${step.name}  (${((performance.now() - started) / 1000).toFixed(1)} s)\n`,
  );
  if (!ok) {
    failed++;
    process.stdout.write(`${output.trim()}\n`);
  }
}
process.exitCode = failed === 0 ? 0 : 1;
