/**
 * The command line on an emulated machine: the same program, but for the devices that its key service opens.
 *
 * @module
 */
import { fileURLToPath } from 'node:url';
import { runCommandLine } from '../../../packages/cli/src/command-line.ts';

process.exitCode = await runCommandLine(
  process.argv.slice(2),
  fileURLToPath(new URL('./emulated-keyd.ts', import.meta.url)),
);
