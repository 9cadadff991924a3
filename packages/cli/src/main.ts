/**
 * The entry point of `vitrine`.
 *
 * @module
 */
import { runCommandLine } from './command-line.ts';
import { EXIT } from './exit-code.ts';

// A reader that has seen enough (`vitrine … | head`) closes the pipe: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  throw error;
});
process.exitCode = await runCommandLine(process.argv.slice(2));
