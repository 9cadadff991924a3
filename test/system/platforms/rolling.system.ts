/**
 * An upgrade under load: clients call while the old release ends and the new one starts at the same address. Every
 * call gets an answer or a clean error in time, what was acknowledged is kept, and there is no way back.
 *
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Client } from '@modelcontextprotocol/client';
import { type AttestedTransportOptions, attestedTransport } from '@vitrine/client';
import type { ReferenceValues } from '@vitrine/documents';
import { simulatedReferenceValues } from '@vitrine/simulator';
import { afterEach, expect } from 'vitest';
import { promise } from '../../promises.ts';
import { callBox, configureBox, prepareBox, rootOf, simulatedTrust } from '../../support/box.ts';
import { type Running, type Workplace, workplace } from '../../support/cli.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Far above what a call takes, and far below for ever. */
const CALL_MS = 60_000;
const PAUSE_MS = 100;

interface Load {
  /** Values that were acknowledged. */
  readonly kept: string[];
  readonly errors: string[];
  readonly hung: string[];
  stop(): Promise<void>;
}

/** Callers who go on calling, each over a connection of its own that it opens again where it has broken. */
function load(url: string, trust: AttestedTransportOptions, callers: number): Load {
  const [kept, errors, hung]: [string[], string[], string[]] = [[], [], []];
  let isOver = false;
  const one = async (name: string): Promise<void> => {
    let client: Client | undefined;
    for (let count = 0; !isOver; count++) {
      const value = `${name}-${count}`;
      const call = async (): Promise<void> => {
        if (client === undefined) {
          client = new Client({ name, version: '1.0.0' });
          await client.connect(attestedTransport(url, trust));
        }
        const { content, isError } = await client.callTool({ name: 'hide', arguments: { value } });
        const text = (content as readonly { readonly text: string }[])[0]?.text ?? '';
        if (isError === true) errors.push(text);
        else kept.push(JSON.parse(text) as string);
      };
      const failed = async (error: unknown): Promise<void> => {
        errors.push(String(error));
        await client?.close().catch(() => undefined);
        client = undefined;
        // Whoever is refused at once would else use up what one address may ask for.
        await pause(PAUSE_MS);
      };
      const timer = setTimeout(() => hung.push(value), CALL_MS);
      await call().catch(failed);
      clearTimeout(timer);
    }
    await client?.close().catch(() => undefined);
  };
  const all = Array.from({ length: callers }, (_, index) => one(`caller${index}`));
  return {
    kept,
    errors,
    hung,
    stop: async () => {
      isOver = true;
      await Promise.all(all);
    },
  };
}

/** Trusts both releases. */
async function trustBoth(user: Workplace, old: Running, digest: string): Promise<AttestedTransportOptions> {
  const trust = await simulatedTrust(user, old);
  const values = JSON.parse(await readFile(old.ready.referenceValues, 'utf8')) as ReferenceValues;
  const { entries } = simulatedReferenceValues(values.release, digest);
  return { ...trust, referenceValues: { ...values, entries: [...values.entries, ...entries] } };
}

promise(
  'P4',
  'calls during an upgrade are answered or fail cleanly, none hangs, and the old release does not come back',
  async () => {
    const user = workplace();
    ends.push(() => user.dispose());
    const upgrade = `{ kind: signed, keys: ["${await prepareBox(user)}"], threshold: 1 }`;
    const configure = async (number: number): Promise<string> => {
      const versions = number === 1 ? 'version: 1' : 'version: 2\n    retired: [1]';
      await configureBox(user, { number, upgrade, versions });
      return (await user.run(['config', 'hash'])).stdout.trim();
    };
    const file = join(user.directory, 'vitrine.yaml');
    await configure(1);
    const oldText = await readFile(file, 'utf8');
    const old = await user.start(['--genesis']);
    const at = new URL(old.ready.url).host;

    // While the old one serves, the release is made and signed.
    const digest = await configure(2);
    expect(await user.run(['release', 'make', 'next.json'])).toMatchObject({ code: 0 });
    expect(await user.run(['release', 'sign', 'next.json', '--owner-key', 'release.pem'])).toMatchObject({ code: 0 });

    const trust = await trustBoth(user, old, digest);
    const calls = load(old.ready.url, trust, 3);
    ends.push(() => calls.stop());
    await expect.poll(() => calls.kept.length, { timeout: CALL_MS }).toBeGreaterThan(5);
    expect(calls.errors).toEqual([]);
    expect((await old.stop()).code).toBe(0);
    const before = calls.kept.length;
    const next = await user.start(['--release', 'next.json'], at);
    expect(rootOf(next)).toBe(rootOf(old));
    await expect.poll(() => calls.kept.length, { timeout: CALL_MS }).toBeGreaterThan(before + 5);
    await calls.stop();
    expect(calls.hung).toEqual([]);
    // What clients were told: that nobody was there, or that the connection ended. Nothing of the inside.
    const unclear = calls.errors.filter(
      (error) => !/could not be reached|ECONNREFUSED|closed|ended|broke|reset|starting|stopping|drain|503/i.test(error),
    );
    expect(unclear).toEqual([]);
    expect(calls.errors.length).toBeGreaterThan(0);

    // Everything that was acknowledged by either opens with the root that went on.
    for (const kept of [calls.kept[0], calls.kept[before - 1], calls.kept.at(-1)]) {
      expect(await callBox(next.ready.url, trust, 'reveal', kept ?? '')).toMatch(/^caller\d+-\d+$/);
    }
    await next.stop();

    await writeFile(file, oldText);
    for (const release of [[], ['--release', 'next.json']]) {
      const back = await user.run(['run', '--listen', '127.0.0.1:0', '--json', ...release]);
      expect(back.code).toBe(2);
      expect((JSON.parse(back.stdout) as { readonly code: string }).code).toMatch(/^keys\.(?:manifest-older|release-)/);
    }
  },
);
