/**
 * What a sandbox for the hosted server is made of. Where something is missing, `run` does with less, and
 * evidence says so.
 *
 * @module
 */
import { findExecutable } from '@vitrine/enclave';
import type { Examined } from './examined.ts';
import { type Finding, findingsOf } from './finding.ts';

const { ok, missing, problem } = findingsOf('Sandbox');

const PUT_RIGHT = 'make bubblewrap work: see above';

export function examineSandbox(machine: Examined): readonly Finding[] {
  if (machine.platform !== 'linux')
    return [missing('sandbox', 'a sandbox needs Linux; servers run as ordinary processes'), keyService(machine, false)];
  const tools = bubblewrap(machine);
  const works = tools.some(({ id, status }) => id === 'sandbox.bwrap' && status === 'ok');
  return [...tools, seccomp(machine), cgroup(machine), volumes(machine), keyService(machine, works)];
}

/** Whether it works is tried, since many settings can forbid it. */
function bubblewrap(machine: Examined): readonly Finding[] {
  const program = findExecutable('bwrap', machine.env['PATH'] ?? '');
  const namespaces = userNamespaces(machine);
  if (program === undefined)
    return [missing('sandbox.bwrap', 'bubblewrap is not installed', 'install the package bubblewrap'), namespaces];
  const code = machine.exitCode(program, [
    '--unshare-all',
    '--ro-bind',
    '/',
    '/',
    '--dev',
    '/dev',
    '--proc',
    '/proc',
    'true',
  ]);
  if (code === 0) return [ok('sandbox.bwrap', `${program} can make a sandbox`), namespaces];
  return [
    problem(
      'sandbox.bwrap',
      `${program} is there, but cannot make a sandbox`,
      'allow unprivileged user namespaces, or run outside a container',
    ),
    namespaces,
  ];
}

/** How far the process that holds the keys would be apart from everything else of `vitrine run`. */
function keyService({ uid, platform }: Examined, bubblewrapWorks: boolean): Finding {
  const id = 'sandbox.keys';
  if (uid === 0 && bubblewrapWorks) return ok(id, 'the key service gets a user of its own, and no network');
  const network = bubblewrapWorks ? 'no network' : 'the network of this machine';
  const message = `the key service gets ${network}, and runs as you, so your other programs can read its keys`;
  if (platform !== 'linux') return missing(id, message);
  return missing(id, message, uid === 0 ? PUT_RIGHT : 'started by root, with bubblewrap, it takes a user of its own');
}

function userNamespaces({ read }: Examined): Finding {
  const value = (path: string): string | undefined => read(path)?.trim();
  const remedy = 'ask whoever runs this machine to allow them';
  if (value('/proc/sys/user/max_user_namespaces') === '0')
    return problem('sandbox.namespaces', 'user namespaces are switched off (user.max_user_namespaces is 0)', remedy);
  if (value('/proc/sys/kernel/unprivileged_userns_clone') === '0')
    return problem(
      'sandbox.namespaces',
      'user namespaces are for root only (kernel.unprivileged_userns_clone is 0)',
      remedy,
    );
  if (value('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1')
    return problem('sandbox.namespaces', 'AppArmor restricts user namespaces of ordinary users', remedy);
  return ok('sandbox.namespaces', 'no setting of the kernel forbids user namespaces');
}

function seccomp({ read }: Examined): Finding {
  const actions = read('/proc/sys/kernel/seccomp/actions_avail')?.trim().split(/\s+/) ?? [];
  return actions.includes('errno') && actions.includes('kill_process')
    ? ok('sandbox.seccomp', 'the kernel filters system calls (seccomp)')
    : missing('sandbox.seccomp', 'the kernel does not say that it filters system calls (seccomp)');
}

function cgroup({ read }: Examined): Finding {
  if (
    read('/sys/fs/cgroup/memory/cgroup.procs') !== undefined &&
    read('/sys/fs/cgroup/pids/cgroup.procs') !== undefined
  )
    return ok('sandbox.cgroup', 'cgroup v1 with limits for memory and processes, if this user may make groups');
  const controllers = read('/sys/fs/cgroup/cgroup.controllers')?.trim().split(/\s+/) ?? [];
  return controllers.includes('memory') && controllers.includes('pids')
    ? ok('sandbox.cgroup', 'cgroup v2 with limits for memory and processes')
    : missing('sandbox.cgroup', 'no control groups with limits for memory and processes');
}

function volumes({ env, read }: Examined): Finding {
  if (findExecutable('gocryptfs', env['PATH'] ?? '') === undefined)
    return missing(
      'sandbox.volumes',
      'gocryptfs is not installed, so "data: encrypted" cannot be had',
      'install the package gocryptfs',
    );
  return read('/proc/filesystems')?.includes('fuse') === true
    ? ok('sandbox.volumes', 'gocryptfs can encrypt the files of servers')
    : missing('sandbox.volumes', 'the kernel has no FUSE, so "data: encrypted" cannot be had');
}
