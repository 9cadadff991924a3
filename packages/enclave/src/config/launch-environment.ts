/**
 * The environment of the hosted server: a small fixed base and what the manifest says, nothing else. No
 * variable of the operator's shell gets in, so what is attested is what the server sees.
 *
 * The base:
 *
 * - `PATH`: the directories of this Node and of the server's command, then the system's usual ones;
 * - `HOME` (on Windows also `USERPROFILE`, `APPDATA`, `LOCALAPPDATA`): a private data directory;
 * - `TMPDIR` (on Windows `TEMP` and `TMP`): `tmp` within it;
 * - `LANG=C.UTF-8`;
 * - on Windows `SystemRoot`, `SystemDrive` and `PATHEXT`, without which programs do not start there.
 *
 * The manifest's own variables win over the base.
 *
 * @module
 */
import path from 'node:path';

export interface EnvironmentOptions {
  /** From the manifest. */
  readonly configured: Readonly<Record<string, string>>;
  /** Absolute path of what is started. */
  readonly command: string;
  /** Private data directory. */
  readonly dataDirectory: string;
  readonly platform: NodeJS.Platform;
  /** Where Windows is installed, such as `C:\Windows`; used there only. */
  readonly systemRoot: string | undefined;
}

const SYSTEM_PATH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

export function launchEnvironment(options: EnvironmentOptions): Readonly<Record<string, string>> {
  const own = [path.dirname(process.execPath), path.dirname(options.command)];
  const temporary = temporaryDirectory(options.dataDirectory);
  if (options.platform !== 'win32') {
    return {
      PATH: [...new Set([...own, ...SYSTEM_PATH])].join(':'),
      HOME: options.dataDirectory,
      TMPDIR: temporary,
      LANG: 'C.UTF-8',
      ...options.configured,
    };
  }
  const root = options.systemRoot ?? 'C:\\Windows';
  return {
    PATH: [...new Set([...own, `${root}\\System32`, root])].join(';'),
    PATHEXT: '.COM;.EXE;.BAT;.CMD',
    SystemRoot: root,
    SystemDrive: root.slice(0, 2),
    HOME: options.dataDirectory,
    USERPROFILE: options.dataDirectory,
    APPDATA: options.dataDirectory,
    LOCALAPPDATA: options.dataDirectory,
    TEMP: temporary,
    TMP: temporary,
    LANG: 'C.UTF-8',
    ...options.configured,
  };
}

/** The server's directory for temporary files. */
export function temporaryDirectory(dataDirectory: string): string {
  return path.join(dataDirectory, 'tmp');
}
