/**
 * The command that starts the key service: Node with neither debugger nor prototype tricks, and around it
 * bubblewrap where there is one, with no network and no file but its own code and its own directory.
 *
 * Pure. Root keeps its user at first and loses all capabilities but the two that the service needs where it is to
 * become somebody else: a process that changes its user is no longer dumpable, one that was started as that user is.
 *
 * Reference: bubblewrap 0.8, `bwrap(1)`; Node 24, `node(1)`.
 *
 * @module
 */

export interface KeydProgram {
  readonly file: string;
  readonly args: readonly string[];
  /** Options of Node that stand before the file, such as `--conditions`. */
  readonly nodeOptions?: readonly string[];
}

export interface KeydCommand {
  /** Absolute path of Node. */
  readonly node: string;
  readonly main: KeydProgram;
  /** Absolute path of `bwrap`. */
  readonly bubblewrap?: string;
  /** Devices, sockets and kernel folders of the platform, which the service alone uses. */
  readonly devices: readonly string[];
  /** Directories that the service may write. */
  readonly writable: readonly string[];
  /** Files and directories that it may read: its own code. */
  readonly readable: readonly string[];
  readonly isRoot: boolean;
  /** Whether root is to become somebody else, and not to stay what it is. */
  readonly changesUser: boolean;
}

/** The descriptor of the channel to the parent. */
export const CHANNEL = 3;

/** What Node itself gives a child with such a channel. */
const CHANNEL_ENVIRONMENT: Readonly<Record<string, string>> = {
  NODE_CHANNEL_FD: `${CHANNEL}`,
  NODE_CHANNEL_SERIALIZATION_MODE: 'advanced',
};
const NODE_OPTIONS: readonly string[] = [
  '--disable-sigusr1',
  '--disable-proto=throw',
  '--disable-warning=ExperimentalWarning',
];
/** Links into `/usr` on one system, directories on another. */
const USR_LINKS: readonly string[] = ['bin', 'lib', 'lib64'];
const AS_ROOT: readonly string[] = [
  ...['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'],
  ...['--cap-drop', 'ALL'],
];
const TO_CHANGE_USER: readonly string[] = ['--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID'];
const AS_USER: readonly string[] = ['--unshare-all', '--unshare-user', '--disable-userns', '--cap-drop', 'ALL'];

/**
 * Program and arguments. The program inherits the channel as descriptor {@link CHANNEL}.
 *
 * @param isLink - Whether a path of this machine is a symbolic link.
 */
export function keydCommand(command: KeydCommand, isLink: (path: string) => boolean): readonly string[] {
  const { node, main, bubblewrap, isRoot } = command;
  const run = [node, ...NODE_OPTIONS, ...(main.nodeOptions ?? []), main.file, ...main.args];
  if (bubblewrap === undefined) return run;
  return [
    bubblewrap,
    ...(isRoot ? AS_ROOT : AS_USER),
    ...(isRoot && command.changesUser ? TO_CHANGE_USER : []),
    ...['--die-with-parent', '--hostname', 'keys'],
    ...['--ro-bind', '/usr', '/usr'],
    ...USR_LINKS.flatMap((name) =>
      isLink(`/${name}`) ? ['--symlink', `usr/${name}`, `/${name}`] : ['--ro-bind-try', `/${name}`, `/${name}`],
    ),
    ...['--ro-bind-try', '/etc/ld.so.cache', '/etc/ld.so.cache'],
    ...['--proc', '/proc', '--dev', '/dev'],
    // What bubblewrap makes by itself on the way to a mount is for root alone.
    ...above([node, ...command.readable, ...command.writable, ...command.devices]).flatMap((path) => ['--dir', path]),
    ...command.devices.flatMap((path) => ['--dev-bind', path, path]),
    ...['--remount-ro', '/dev'],
    ...[node, ...command.readable].flatMap((path) => ['--ro-bind', path, path]),
    ...command.writable.flatMap((path) => ['--bind', path, path]),
    ...['--remount-ro', '/', '--chdir', '/', '--clearenv'],
    ...Object.entries(CHANNEL_ENVIRONMENT).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--', ...run],
  ];
}

/** The directories above `paths`, outer ones first. */
function above(paths: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (const path of paths) {
    const steps = path.split('/').slice(1, -1);
    for (let count = 1; count <= steps.length; count++) found.add(`/${steps.slice(0, count).join('/')}`);
  }
  return [...found];
}
