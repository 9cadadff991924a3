/**
 * The sandbox of the hosted server as arguments of bubblewrap: namespaces of its own for everything, no
 * capability, an empty environment, a root file system that is read-only, and as network a loopback
 * interface that nobody else is on.
 *
 * Pure: what is demanded goes in, arguments come out. Nothing of the host is visible but `/usr`, the
 * certificates of the system, and what the plan names.
 *
 * Reference: bubblewrap 0.8, `bwrap(1)`.
 *
 * @module
 */

/** A file or directory of the host under another name inside. */
export interface Mount {
  readonly from: string;
  readonly to: string;
}

export interface SandboxPlan {
  /** The system's programs and libraries, or the unpacked root of a container image. */
  readonly root: { readonly kind: 'system' } | { readonly kind: 'image'; readonly directory: string };
  /** Directories inside that get a file system of their own, in which `readOnly` can make new names. */
  readonly empty?: readonly string[];
  /** The measured code, the runtime, and other files that the server may read. */
  readonly readOnly: readonly Mount[];
  /** The server's own files: in memory, gone with the sandbox; or a directory. */
  readonly data:
    | { readonly kind: 'memory'; readonly bytes: number; readonly at: string }
    | { readonly kind: 'directory'; readonly from: string; readonly at: string };
  /** A directory of Unix sockets that lead out, seen as {@link SOCKETS_INSIDE}; nothing can be made in it inside. */
  readonly sockets?: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Inside. */
  readonly workingDirectory: string;
  /** Complete: nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Descriptors that bubblewrap inherits and the server does not. */
export interface SandboxDescriptors {
  /** The system call filter; absent where there is none for this processor. */
  readonly seccomp?: number;
  /** `/etc/passwd`, so that programs find a name for their user. */
  readonly passwd: number;
  /** Where bubblewrap tells the process ids, as JSON. */
  readonly info?: number;
  /** The server starts when something can be read here. */
  readonly block?: number;
}

/** Where the sockets to the outside are. */
export const SOCKETS_INSIDE = '/run/vitrine';
/** Who the server is inside, whoever that is outside. */
const SANDBOX_UID = 1000;
/** The content of `/etc/passwd` inside. */
export const SANDBOX_PASSWD = `server:x:${SANDBOX_UID}:${SANDBOX_UID}::/data:/usr/sbin/nologin\n`;

/** Each scratch space in memory, in bytes. */
const TEMPORARY_BYTES = 64 << 20;
/** Names that are links into `/usr` on one system and directories on another. */
const USR_LINKS: readonly string[] = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
/** What TLS libraries, the loader and clocks look for. */
const ETC: readonly string[] = [
  // Never the directories above: beside these they hold private keys.
  'ssl/certs',
  'ssl/cert.pem',
  'ssl/openssl.cnf',
  'ca-certificates',
  'pki/ca-trust',
  'pki/tls/certs',
  'pki/tls/cert.pem',
  'pki/tls/openssl.cnf',
  'alternatives',
  'ld.so.cache',
  'localtime',
  'mime.types',
];

/**
 * All arguments of `bwrap`.
 *
 * @param isLink - Whether a path of the host is a symbolic link, which `/bin` is on merged systems.
 */
export function bubblewrapArguments(
  plan: SandboxPlan,
  descriptors: SandboxDescriptors,
  isLink: (path: string) => boolean,
): readonly string[] {
  return [
    ...['--unshare-all', '--die-with-parent', '--cap-drop', 'ALL', '--disable-userns'],
    ...['--unshare-user', '--uid', `${SANDBOX_UID}`, '--gid', `${SANDBOX_UID}`, '--hostname', 'sandbox'],
    ...root(plan.root, isLink),
    ...['--proc', '/proc', '--dev', '/dev'],
    // Without this, a server of an enclave that runs as root could change the settings of the kernel.
    ...['--remount-ro', '/proc'],
    ...['--size', `${TEMPORARY_BYTES}`, '--perms', '1777', '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
    ...['--size', `${TEMPORARY_BYTES}`, '--perms', '0700', '--tmpfs', '/tmp'],
    ...['--ro-bind-data', `${descriptors.passwd}`, '/etc/passwd'],
    ...(plan.empty ?? []).flatMap((one) => ['--size', '65536', '--tmpfs', one]),
    ...plan.readOnly.flatMap(({ from, to }) => ['--ro-bind', from, to]),
    ...data(plan.data),
    ...(plan.sockets === undefined ? [] : ['--ro-bind', plan.sockets, SOCKETS_INSIDE]),
    ...(plan.empty ?? []).flatMap((one) => ['--remount-ro', one]),
    // Last, so that no mount above can put something writable over it.
    ...['--remount-ro', '/', '--chdir', plan.workingDirectory, '--clearenv'],
    ...Object.entries(plan.environment).flatMap(([name, value]) => ['--setenv', name, value]),
    ...numbered('--seccomp', descriptors.seccomp),
    ...numbered('--info-fd', descriptors.info),
    ...numbered('--block-fd', descriptors.block),
    ...['--', plan.command, ...plan.args],
  ];
}

function root(choice: SandboxPlan['root'], isLink: (path: string) => boolean): readonly string[] {
  if (choice.kind === 'image') return ['--ro-bind', choice.directory, '/'];
  return [
    ...['--ro-bind', '/usr', '/usr'],
    ...USR_LINKS.flatMap((name) =>
      isLink(`/${name}`) ? ['--symlink', `usr/${name}`, `/${name}`] : ['--ro-bind-try', `/${name}`, `/${name}`],
    ),
    ...ETC.flatMap((name) => ['--ro-bind-try', `/etc/${name}`, `/etc/${name}`]),
  ];
}

function data(choice: SandboxPlan['data']): readonly string[] {
  return choice.kind === 'memory'
    ? ['--size', `${choice.bytes}`, '--perms', '0700', '--tmpfs', choice.at]
    : ['--bind', choice.from, choice.at];
}

function numbered(flag: string, descriptor: number | undefined): readonly string[] {
  return descriptor === undefined ? [] : [flag, `${descriptor}`];
}
