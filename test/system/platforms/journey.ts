/**
 * What every platform has to do with the same MCP server: it is verified and called, keeps keys and state over a
 * restart, hands them to a signed next release, and to no unsigned one.
 *
 * @module
 */
import type { AttestedTransportOptions } from '@vitrine/client';
import { expect } from 'vitest';
import { callBox, configureBox, prepareBox, rootOf } from '../../support/box.ts';
import type { Running, Workplace } from '../../support/cli.ts';

export interface Machine {
  /** Flags of `vitrine run` for this platform. */
  readonly flags: readonly string[];
  /** (Re)starts the machine for a manifest, as its owner would: measured registers begin anew. */
  boot(manifestDigest: string): Promise<void>;
  /** Flags of `vitrine verify` by which a user trusts the emulated machine. */
  trustFlags(server: Running): readonly string[] | Promise<readonly string[]>;
  /** The same for programs. */
  trust(server: Running): Promise<AttestedTransportOptions>;
  /** What wraps the root of keys, as `roots` of the configuration. */
  roots(): Promise<string>;
  /** What `workload.code` has to say of the links. */
  readonly chain: RegExp;
  /** What `verify` has to say of who else can derive the root. */
  readonly derivable: RegExp;
}

/** @throws where a step does not do what it has to. */
export async function journey(user: Workplace, machine: Machine): Promise<void> {
  const releaseKey = await prepareBox(user);
  const upgrade = `{ kind: signed, keys: ["${releaseKey}"], threshold: 1 }`;
  const configure = async (number: number, versions: string): Promise<string> => {
    await configureBox(user, {
      number,
      upgrade,
      versions,
      more: `logs: { child: drop }\nroots: ${await machine.roots()}`,
    });
    const { stdout, stderr, code } = await user.run(['config', 'hash']);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    return stdout.trim();
  };

  const first = await configure(1, 'version: 1');
  await machine.boot(first);
  const refused = await user.run(['run', '--listen', '127.0.0.1:0', ...machine.flags]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--genesis') });

  const made = await user.start([...machine.flags, '--genesis']);
  await looked(user, made, machine);
  await callBox(made.ready.url, await machine.trust(made), 'hide', 'kept by the machine');
  await made.stop();

  await machine.boot(first);
  const again = await user.start([...machine.flags]);
  expect(rootOf(again)).toBe(rootOf(made));
  expect(await callBox(again.ready.url, await machine.trust(again), 'reveal')).toBe('kept by the machine');
  await again.stop();

  const second = await configure(2, 'version: 2\n    retired: [1]');
  await machine.boot(second);
  const unsigned = await user.run(['run', '--listen', '127.0.0.1:0', ...machine.flags]);
  expect(unsigned).toMatchObject({ code: 2, stderr: expect.stringContaining('vitrine release make') });
  expect(await user.run(['release', 'make', 'next.json'])).toMatchObject({ code: 0 });
  const stillUnsigned = await user.run(['run', '--listen', '127.0.0.1:0', ...machine.flags, '--release', 'next.json']);
  expect(stillUnsigned).toMatchObject({ code: 2, stderr: expect.stringContaining('0 of 1 listed keys') });
  expect(await user.run(['release', 'sign', 'next.json', '--owner-key', 'release.pem'])).toMatchObject({ code: 0 });
  const next = await user.start([...machine.flags, '--release', 'next.json']);
  expect(rootOf(next)).toBe(rootOf(made));
  expect(await callBox(next.ready.url, await machine.trust(next), 'reveal')).toBe('kept by the machine');
  await next.stop();
}

/** A user's look: simulated, since no vendor stands behind an emulated machine, and every other check is good. */
async function looked(user: Workplace, server: Running, machine: Machine): Promise<void> {
  const flags = await machine.trustFlags(server);
  const without = await user.run(['verify', server.ready.url, '--json']);
  expect(without.code, without.stdout).not.toBe(0);
  const seen = await user.run(['verify', server.ready.url, '--offline', ...flags, '--json']);
  const result = JSON.parse(seen.stdout) as {
    readonly verdict: string;
    readonly checks: readonly { readonly id: string; readonly status: string; readonly message: string }[];
  };
  const bad = result.checks.filter(({ status }) => status === 'failed' || status === 'unavailable');
  expect({ code: seen.code, verdict: result.verdict, bad }).toEqual({ code: 0, verdict: 'simulated', bad: [] });
  expect(result.checks.find(({ id }) => id === 'workload.code')?.message).toMatch(machine.chain);
  expect(JSON.stringify(result)).toMatch(machine.derivable);
}
