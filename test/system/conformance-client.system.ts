/**
 * The client scenarios of the protocol's conformance suite against the relay and the sign-in.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect } from 'vitest';
import { installedPeers } from '../../tools/peers.ts';
import { promise } from '../promises.ts';

const DRIVER = join(import.meta.dirname, 'conformance-client', 'driver.ts');
/** All scenarios start at once, so on a small machine each of them takes as long as all of them. */
const SCENARIO_MS = 240_000;

/** Extensions of the protocol that are not built; the suite runs them and does not count them. */
const NOT_BUILT = ['auth/dpop', 'auth/dpop-nonce', 'auth/enterprise-managed-authorization', 'auth/wif-jwt-bearer'];

let folder: string;
let suite: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vitrine-conformance-'));
  suite = join(await installedPeers(), 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

for (const [revision, scored] of [
  ['2025-11-25', 18],
  ['2026-07-28', 32],
] as const) {
  promise('P8', `all ${scored} scored client scenarios of ${revision} pass`, async () => {
    const { code, output } = await runSuite(revision);
    const ran = [...output.matchAll(/^([✓✗]) (\S+): \d+ passed/gmu)].map(([, mark, name]) => ({ mark, name }));
    const failed = ran.filter(({ mark }) => mark !== '✓').map(({ name }) => name);
    const notScored = Number(/Not scored for \S+: (\d+) scenario/.exec(output)?.[1]);
    expect(failed.toSorted(), output).toEqual(NOT_BUILT);
    expect(ran.length - notScored).toBe(scored);
    expect(output).not.toContain('timed out');
    expect(code).toBe(0);
  });
}

/** What the suite says of all scenarios of a revision. */
async function runSuite(revision: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const driver = `"${process.execPath}" --conditions=@vitrine/source "${DRIVER}"`;
  const child = spawn(
    process.execPath,
    [suite, 'client', '--command', driver, '--requirements', revision, '--timeout', String(SCENARIO_MS)],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await ended;
  return { code: child.exitCode, output: `${stderr}${stdout}` };
}
