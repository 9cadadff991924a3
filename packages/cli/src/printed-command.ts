/**
 * Commands that are printed to be copied into a shell.
 *
 * @module
 */

/** Characters that no shell gives a meaning of its own. */
const PLAIN = /^[A-Za-z0-9@%+=:,./_-]+$/;

/** `args` as one line for a POSIX shell, or for PowerShell and cmd on Windows. */
export function printedCommand(args: readonly string[], platform: NodeJS.Platform): string {
  return args
    .map((arg) =>
      PLAIN.test(arg) || (platform === 'win32' && /^[A-Za-z0-9@%+=:,./\\_-]+$/.test(arg)) ? arg : quote(arg, platform),
    )
    .join(' ');
}

function quote(arg: string, platform: NodeJS.Platform): string {
  return platform === 'win32' ? `"${arg.replaceAll('"', '""')}"` : `'${arg.replaceAll("'", "'\\''")}'`;
}
