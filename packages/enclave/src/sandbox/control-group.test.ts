import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { findControlGroups, type GroupLimits } from './control-group.ts';

const groups = findControlGroups();
const missing = groups === undefined ? 'no control group can be made here' : false;

/** Runs a program in a group with these limits; its exit code, and how often memory ran out. */
async function within(
  limits: GroupLimits,
  command: readonly string[],
): Promise<{ failed: boolean; outOfMemory: number }> {
  const group = groups?.create(limits);
  if (group === undefined) throw new Error('no groups');
  const join0 = group.joinFiles.map((file) => `echo 0 > ${file}`).join(' && ');
  const run = promisify(execFile)('/bin/sh', ['-c', `${join0} && exec "$@"`, 'sh', ...command]);
  const failed = await run.then(
    () => false,
    () => true,
  );
  const outOfMemory = group.outOfMemory();
  await group.remove();
  return { failed, outOfMemory };
}

promise.unless(missing, 'P1', 'a program within its limits runs', async () => {
  expect(await within({ memory: 512 << 20, processes: 64, cpu: 200 }, [process.execPath, '-e', '1'])).toEqual({
    failed: false,
    outOfMemory: 0,
  });
});

promise.unless(missing, 'P1', 'a program that takes more memory than it may is ended', async () => {
  const greedy = 'const all = []; for (;;) all.push(Buffer.alloc(16 << 20, 1));';
  const { failed, outOfMemory } = await within({ memory: 128 << 20, processes: 64 }, [process.execPath, '-e', greedy]);
  expect(failed).toBe(true);
  expect(outOfMemory).toBeGreaterThan(0);
});

promise.unless(missing, 'P1', 'a program cannot start more processes than it may', async () => {
  const forks = 'for one in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait';
  expect((await within({ memory: 512 << 20, processes: 4 }, ['/bin/sh', '-c', forks])).failed).toBe(true);
});

promise.unless(
  missing,
  'P1',
  'a group goes when what was ended in it has gone, which may be a little later',
  async () => {
    const group = groups?.create({ memory: 512 << 20, processes: 64 });
    if (group === undefined) throw new Error('no groups');
    const join0 = group.joinFiles.map((file) => `echo 0 > ${file}`).join(' && ');
    const child = spawn('/bin/sh', ['-c', `${join0} && echo in && exec cat`], { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const removed = group.remove();
    const folders = group.joinFiles.map((file) => dirname(file));
    expect(folders.filter((folder) => existsSync(folder))).toEqual(folders);
    child.kill('SIGKILL');
    await removed;
    expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
  },
);

promise('P7', 'a machine without control groups, or with some that cannot be made, is said to have none', () => {
  const empty = mkdtempSync(join(tmpdir(), 'vitrine-groups-'));
  expect(findControlGroups(empty, '')).toBeUndefined();
  expect(findControlGroups(empty, '0::/\n')).toBeUndefined();
  // A plain folder takes new folders, but they have no limits in them.
  writeFileSync(join(empty, 'cgroup.controllers'), 'memory pids\n');
  expect(findControlGroups(empty, '0::/missing\n')).toBeUndefined();
  rmSync(empty, { recursive: true });
});
