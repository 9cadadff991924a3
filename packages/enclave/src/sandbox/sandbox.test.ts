/** Real sandboxes, where bubblewrap is installed. */

import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { SandboxPlan } from './bubblewrap.ts';
import { findControlGroups } from './control-group.ts';
import { isLink, probeSandbox } from './probe.ts';
import { spawnBubblewrap } from './spawn-bubblewrap.ts';

const BUBBLEWRAP = '/usr/bin/bwrap';
const missing = existsSync(BUBBLEWRAP) ? false : 'bubblewrap is not installed';
const options = { bubblewrap: BUBBLEWRAP, platform: process.platform, architecture: process.arch };

async function inside(
  script: string,
  change: Partial<SandboxPlan> = {},
  joinFiles: readonly string[] = [],
): Promise<{ code: number | null; said: string }> {
  const plan: SandboxPlan = {
    root: { kind: 'system' },
    readOnly: [{ from: process.execPath, to: '/opt/node/bin/node' }],
    data: { kind: 'memory', bytes: 1 << 22, at: '/data' },
    command: '/bin/sh',
    args: ['-c', script],
    workingDirectory: '/data',
    environment: { PATH: '/opt/node/bin:/usr/bin:/bin', HOME: '/data' },
    ...change,
  };
  const architecture = process.arch === 'x64' || process.arch === 'arm64' ? process.arch : undefined;
  const child = spawnBubblewrap({ bubblewrap: BUBBLEWRAP, architecture, plan, joinFiles }, isLink);
  let said = '';
  child.stdin.end();
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, said };
}

promise.unless(missing, 'P7', 'the probe says what it saw from inside a sandbox', async () => {
  expect(await probeSandbox(options)).toEqual({ process: 'bwrap', seccomp: true });
});

promise('P7', 'what cannot be obtained is said, not assumed', async () => {
  expect(await probeSandbox({ ...options, bubblewrap: undefined })).toEqual({
    process: 'none',
    why: 'bubblewrap (bwrap) is not installed',
  });
  expect(await probeSandbox({ ...options, platform: 'darwin' })).toMatchObject({ process: 'none' });
  const other = process.platform === 'linux' ? process.execPath : undefined;
  expect(await probeSandbox({ ...options, bubblewrap: other })).toMatchObject({ process: 'none' });
});

promise.unless(missing, 'P1', 'a server sees none of this machine’s files, processes and variables', async () => {
  const { said } = await inside('ls /; ls /home /root /var /run /sys 2>&1; ls -d /proc/[0-9]*; env');
  expect(said).not.toContain(process.cwd());
  expect(said.match(/^\/proc\/\d+$/gm)?.length).toBeLessThan(6);
  for (const hidden of ['/home', '/root', '/var', '/run', '/sys']) expect(said).toContain(`'${hidden}'`);
  expect(said.match(/^\w+=.*$/gm)?.sort()).toEqual(['HOME=/data', 'PATH=/opt/node/bin:/usr/bin:/bin', 'PWD=/data']);
});

promise.unless(missing, 'P1', 'a server cannot write to the system or to its code, only to its data', async () => {
  const { said } = await inside(
    'for file in /x /usr/x /etc/x /opt/node/x /opt/node/bin/node; do (echo x >> $file) 2>/dev/null && echo "wrote $file"; done; echo y > /data/y && cat /data/y; echo z > /tmp/z && cat /tmp/z',
  );
  expect(said).toBe('y\nz\n');
});

promise.unless(missing, 'P1', 'data in memory is bounded, and gone with the sandbox', async () => {
  const { said } = await inside('head -c 8388608 /dev/zero > /data/big; echo "code $?"; ls -A /data');
  expect(said).toContain('code 1');
  expect((await inside('ls -A /data')).said).toBe('');
});

promise.unless(missing, 'P3', 'a server reaches no network, not even this machine’s loopback interface', async () => {
  const listener = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as { port: number };
  let reached = 0;
  listener.on('connection', () => {
    reached += 1;
  });
  const { said } = await inside(
    `node -e 'const net = require("node:net"); for (const [host, port] of [["127.0.0.1", ${port}], ["169.254.169.254", 80], ["192.0.2.1", 443]]) net.connect(port, host).on("error", (e) => console.log(e.code)).on("connect", () => console.log("REACHED"))'`,
  );
  expect(said.trim().split('\n').sort()).toEqual(['ECONNREFUSED', 'ENETUNREACH', 'ENETUNREACH']);
  expect(reached).toBe(0);
  listener.close();
});

promise.unless(missing, 'P1', 'a server can make no namespace, mount nothing and trace nobody', async () => {
  const { said } = await inside(
    'unshare -Ur true 2>&1 && echo made; mount -t tmpfs none /tmp 2>/dev/null && echo mounted; echo end',
  );
  expect(said).not.toContain('made');
  expect(said).not.toContain('mounted');
  expect(said).toContain('end');
});

promise.unless(missing, 'P1', 'what a server leaves behind ends with it', async () => {
  const { code, said } = await inside('(trap "" TERM HUP; while :; do sleep 1; done) > /dev/null 2>&1 & echo started');
  expect(said).toBe('started\n');
  expect(code).toBe(0);
});

const groups = findControlGroups();
const noGroups = missing === false && groups === undefined ? 'no control group can be made here' : missing;

promise.unless(noGroups, 'P1', 'a whole sandbox stays within its limits, and is ended when it does not', async () => {
  const group = groups?.create({ memory: 96 << 20, processes: 64 });
  const greedy = 'const all = []; for (;;) all.push(Buffer.alloc(16 << 20, 1));';
  const launch = { args: ['-e', greedy], command: '/opt/node/bin/node' };
  const { code } = await inside('', launch, group?.joinFiles);
  expect(code).not.toBe(0);
  expect(group?.outOfMemory()).toBeGreaterThan(0);
  await group?.remove();
});

promise.unless(
  missing,
  'P1',
  'no setting of the kernel can be opened for writing, whoever runs the enclave',
  async () => {
    // Opened only: where the wall is missing, a test must not change this machine.
    const { said } = await inside(
      'for file in /proc/sys/kernel/core_pattern /proc/sys/vm/drop_caches /proc/sysrq-trigger /proc/self/oom_score_adj; do (: >> $file) 2>/dev/null && echo "opened $file"; done; echo end',
    );
    expect(said).toBe('end\n');
  },
);

promise.unless(missing, 'P1', 'memory for files is bounded wherever a server can write', async () => {
  const { said } = await inside(
    '(echo x > /dev/x) 2>/dev/null && echo "wrote /dev"; for place in /dev/shm /tmp; do head -c 80000000 /dev/zero > $place/big 2>/dev/null && echo "no bound in $place"; rm $place/big; echo x > $place/small && cat $place/small; done',
  );
  expect(said).toBe('x\nx\n');
});

promise.unless(missing, 'P1', 'private keys of this machine are not among what TLS libraries need', async () => {
  const { said } = await inside('ls /etc/ssl /etc/pki /etc/pki/tls 2>/dev/null; echo end');
  expect(said).not.toContain('private');
  expect(said).toContain('end');
});

promise.unless(missing, 'P1', 'a crash leaves no image of the memory behind', async () => {
  const { said } = await inside('ulimit -Hc');
  expect(said).toBe('0\n');
});

promise.unless(
  missing,
  'P1',
  'a server has no descriptor but its three streams, whatever started the enclave had open',
  async () => {
    const { said } = await inside('for one in /proc/self/fd/*; do readlink $one; done');
    const others = said.split('\n').filter((one) => one !== '' && one !== '/dev/null' && !one.startsWith('/proc/'));
    expect(others).toEqual([1, 2, 3].map(() => expect.stringMatching(/^(?:socket|pipe):/)));
  },
);

promise.unless(missing, 'P1', 'the sockets that lead out cannot be removed, replaced or joined by others', async () => {
  const sockets = mkdtempSync(join(tmpdir(), 'vitrine-sockets-'));
  const listener = createServer((socket) => socket.end('reached')).listen(join(sockets, 'egress.sock'));
  await once(listener, 'listening');
  onTestFinished(() => {
    listener.close();
    rmSync(sockets, { recursive: true, force: true });
  });
  const { said } = await inside(
    `cd /run/vitrine; for act in 'echo x > x' 'rm egress.sock' 'mv egress.sock e' 'ln -s /etc/passwd http.sock' 'chmod 777 .'; do (eval "$act") 2>/dev/null && echo "did $act"; done; node -e 'require("node:net").connect("/run/vitrine/egress.sock").pipe(process.stdout)'`,
    { sockets },
  );
  expect(said).toBe('reached');
});
