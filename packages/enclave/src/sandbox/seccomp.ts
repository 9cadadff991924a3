/**
 * The system call filter of the hosted server, as a classic BPF program.
 *
 * It takes away what a server never needs and what breaks out of a sandbox most often: new namespaces,
 * mounts, other processes' memory, kernel modules, eBPF, io_uring, and sockets that no network namespace
 * holds back (a vsock reaches the host of a virtual machine). Everything else stays allowed: the filter
 * is the second wall behind the namespaces, not the first.
 *
 * Specification: Linux, Documentation/userspace-api/seccomp_filter.rst, and `struct seccomp_data`.
 *
 * @module
 */

/** Processors with a table of their own. */
export type FilterArchitecture = 'x64' | 'arm64';

/** `AUDIT_ARCH_*` of each. */
const AUDIT_ARCH: Readonly<Record<FilterArchitecture, number>> = { x64: 0xc000003e, arm64: 0xc00000b7 };

/** Answered with EPERM. Numbers from the kernel's tables; from 424 on they are the same everywhere. */
const DENIED: Readonly<Record<FilterArchitecture, readonly number[]>> = {
  x64: [
    101, // ptrace
    155, // pivot_root
    161, // chroot
    165, // mount
    166, // umount2
    167, // swapon
    168, // swapoff
    169, // reboot
    175, // init_module
    176, // delete_module
    246, // kexec_load
    248, // add_key
    249, // request_key
    250, // keyctl
    272, // unshare
    298, // perf_event_open
    304, // open_by_handle_at
    308, // setns
    310, // process_vm_readv
    311, // process_vm_writev
    313, // finit_module
    320, // kexec_file_load
    321, // bpf
    323, // userfaultfd
  ],
  arm64: [
    39, // umount2
    40, // mount
    41, // pivot_root
    51, // chroot
    97, // unshare
    104, // kexec_load
    105, // init_module
    106, // delete_module
    117, // ptrace
    142, // reboot
    217, // add_key
    218, // request_key
    219, // keyctl
    224, // swapon
    225, // swapoff
    241, // perf_event_open
    265, // open_by_handle_at
    268, // setns
    270, // process_vm_readv
    271, // process_vm_writev
    273, // finit_module
    280, // bpf
    282, // userfaultfd
    294, // kexec_file_load
  ],
};

const DENIED_EVERYWHERE: readonly number[] = [
  425, // io_uring_setup
  426, // io_uring_enter
  427, // io_uring_register
  428, // open_tree
  429, // move_mount
  430, // fsopen
  431, // fsconfig
  432, // fsmount
  433, // fspick
  438, // pidfd_getfd
  442, // mount_setattr
  467, // open_tree_attr
];

const SOCKET: Readonly<Record<FilterArchitecture, number>> = { x64: 41, arm64: 198 };
const CLONE: Readonly<Record<FilterArchitecture, number>> = { x64: 56, arm64: 220 };
const CLONE3 = 435;

/** AF_UNIX, AF_INET, AF_INET6, AF_NETLINK (which lists the interfaces). */
const SOCKET_FAMILIES: readonly number[] = [1, 2, 10, 16];
/** CLONE_NEW{NS, CGROUP, UTS, IPC, USER, PID, NET}. */
const NAMESPACE_FLAGS = 0x7e020000;

const RETURN_ALLOW = 0x7fff0000;
const RETURN_KILL_PROCESS = 0x80000000;
const RETURN_EPERM = 0x00050001;
/** So that the C library falls back from `clone3`, whose flags no filter can see, to `clone`. */
const RETURN_ENOSYS = 0x00050026;
const RETURN_EAFNOSUPPORT = 0x00050061;

/** Offsets in `struct seccomp_data`. */
const OFFSET = { number: 0, architecture: 4, firstArgument: 16 } as const;
/** Numbers from here on are the x32 variant of x86-64, which has another table. */
const X32 = 0x40000000;

const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;

/** `jt` and `jf` count the instructions that are skipped. */
type Instruction = readonly [code: number, jt: number, jf: number, k: number];

/** The program, 8 bytes for each instruction, in the byte order of both processors (little-endian). */
export function seccompProgram(architecture: FilterArchitecture): Uint8Array<ArrayBuffer> {
  const program: Instruction[] = [
    [LOAD, 0, 0, OFFSET.architecture],
    [JUMP_EQUAL, 1, 0, AUDIT_ARCH[architecture]],
    [RETURN, 0, 0, RETURN_KILL_PROCESS],
    [LOAD, 0, 0, OFFSET.number],
    [JUMP_AT_LEAST, 0, 1, X32],
    [RETURN, 0, 0, RETURN_EPERM],
    [JUMP_EQUAL, 0, 1, CLONE3],
    [RETURN, 0, 0, RETURN_ENOSYS],
  ];
  for (const number of [...DENIED[architecture], ...DENIED_EVERYWHERE]) {
    program.push([JUMP_EQUAL, 0, 1, number], [RETURN, 0, 0, RETURN_EPERM]);
  }
  program.push(
    [JUMP_EQUAL, 0, 4, CLONE[architecture]],
    [LOAD, 0, 0, OFFSET.firstArgument],
    [JUMP_ANY_BIT, 0, 1, NAMESPACE_FLAGS],
    [RETURN, 0, 0, RETURN_EPERM],
    [RETURN, 0, 0, RETURN_ALLOW],
    [JUMP_EQUAL, 0, SOCKET_FAMILIES.length + 2, SOCKET[architecture]],
    [LOAD, 0, 0, OFFSET.firstArgument],
    ...SOCKET_FAMILIES.map((family, index): Instruction => [JUMP_EQUAL, SOCKET_FAMILIES.length - index, 0, family]),
    [RETURN, 0, 0, RETURN_EAFNOSUPPORT],
    [RETURN, 0, 0, RETURN_ALLOW],
  );
  return encode(program);
}

function encode(program: readonly Instruction[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, [code, jt, jf, k]] of program.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  }
  return bytes;
}
