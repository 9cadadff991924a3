import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type FilterArchitecture, seccompProgram } from './seccomp.ts';

const ALLOW = 0x7fff0000;
const KILL = 0x80000000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const NO_FAMILY = 0x00050061;
const ARCH = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;

/** Runs the program as the kernel would: what it answers to one system call. */
function answer(
  architecture: FilterArchitecture,
  number: number,
  first = 0,
  auditArch: number = ARCH[architecture],
): number {
  const bytes = seccompProgram(architecture);
  const view = new DataView(bytes.buffer);
  const data: Readonly<Record<number, number>> = { 0: number, 4: auditArch, 16: first };
  let accumulator = 0;
  for (let at = 0; at < bytes.length / 8; at++) {
    const code = view.getUint16(at * 8, true);
    const jt = view.getUint8(at * 8 + 2);
    const jf = view.getUint8(at * 8 + 3);
    const k = view.getUint32(at * 8 + 4, true);
    if (code === 0x20) accumulator = data[k] ?? Number.NaN;
    else if (code === 0x06) return k;
    else if (code === 0x15) at += accumulator === k ? jt : jf;
    else if (code === 0x35) at += accumulator >= k ? jt : jf;
    else if (code === 0x45) at += (accumulator & k) !== 0 ? jt : jf;
    else throw new Error(`instruction ${code}`);
  }
  throw new Error('the program has an end without a return');
}

promise('P1', 'the filter lets ordinary calls pass: read, write, openat, execve, exit_group', () => {
  for (const number of [0, 1, 257, 59, 231]) expect(answer('x64', number)).toBe(ALLOW);
  for (const number of [63, 64, 56, 221, 94]) expect(answer('arm64', number)).toBe(ALLOW);
});

promise('P1', 'a program for another processor ends the process', () => {
  expect(answer('x64', 0, 0, 0x40000003)).toBe(KILL);
  expect(answer('arm64', 0, 0, ARCH.x64)).toBe(KILL);
});

promise('P1', 'the x32 variants of system calls are refused', () => {
  expect(answer('x64', 0x40000000 + 101)).toBe(EPERM);
  expect(answer('x64', 0x40000001)).toBe(EPERM);
});

promise('P1', 'what breaks out of sandboxes is refused', () => {
  for (const number of [101, 165, 272, 308, 310, 321, 323, 304, 425, 428, 438, 442])
    expect(answer('x64', number)).toBe(EPERM);
  for (const number of [117, 40, 97, 268, 270, 280, 282, 265, 425, 428, 438, 442]) {
    expect(answer('arm64', number)).toBe(EPERM);
  }
});

promise('P1', 'clone is allowed for threads and processes, not for namespaces; clone3 looks absent', () => {
  for (const [architecture, clone] of [
    ['x64', 56],
    ['arm64', 220],
  ] as const) {
    expect(answer(architecture, clone, 0x003d0f00)).toBe(ALLOW);
    expect(answer(architecture, clone, 17)).toBe(ALLOW);
    for (const flag of [0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000]) {
      expect(answer(architecture, clone, flag | 17)).toBe(EPERM);
    }
    expect(answer(architecture, 435)).toBe(ENOSYS);
  }
});

promise('P3', 'sockets are those that a network namespace holds: no vsock to the host, no packet, no AF_ALG', () => {
  for (const [architecture, socket] of [
    ['x64', 41],
    ['arm64', 198],
  ] as const) {
    for (const family of [1, 2, 10, 16]) expect(answer(architecture, socket, family)).toBe(ALLOW);
    for (const family of [0, 3, 17, 31, 38, 40, 44]) expect(answer(architecture, socket, family)).toBe(NO_FAMILY);
  }
});
