/** A root handed over between two live enclaves, through the command line: to an equal, and to a signed next release. */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { promise } from '../../promises.ts';
import { callBox, configureBox, prepareBox, rootOf, simulatedTrust } from '../../support/box.ts';
import { type Running, type Workplace, workplace } from '../../support/cli.ts';

const places: Workplace[] = [];
afterEach(async () => {
  for (const place of places.splice(0).reverse()) await place.dispose();
});

function freshPlace(): Workplace {
  const place = workplace();
  places.push(place);
  return place;
}

/** Another machine of the same simulator: its own root secret and its own state. */
async function secondMachine(first: Workplace): Promise<Workplace> {
  const second = freshPlace();
  await cp(join(first.directory, 'server'), join(second.directory, 'server'), { recursive: true });
  await mkdir(join(second.home, 'simulator'), { recursive: true });
  for (const file of ['simulator-keys.json', 'root.pem']) {
    await cp(join(first.home, 'simulator', file), join(second.home, 'simulator', file));
  }
  return second;
}

const UPGRADE = (key: string): string => `{ kind: signed, keys: ["${key}"], threshold: 1 }`;
const TERMS = 'handover: { to: [equal, release], platforms: any }';

async function called(user: Workplace, server: Running, name: 'hide' | 'reveal', value: string): Promise<unknown> {
  return callBox(server.ready.url, await simulatedTrust(user, server), name, value);
}

promise(
  'P4',
  'a live enclave gives its root to an equal and to a signed next release, and to nobody else',
  async () => {
    const giver = freshPlace();
    const upgrade = UPGRADE(await prepareBox(giver));
    await configureBox(giver, { number: 1, upgrade, versions: 'version: 1', more: TERMS });
    const old = await giver.start(['--genesis']);
    const hidden = String(await called(giver, old, 'hide', 'for whoever has the root'));
    const from = ['--handover-from', old.ready.url];

    const equal = await secondMachine(giver);
    await configureBox(equal, { number: 1, upgrade, versions: 'version: 1', more: TERMS });
    const wrong = await equal.run(['run', '--listen', '127.0.0.1:0', ...from, '--expect-root', '0'.repeat(64)]);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining(rootOf(old)) });
    const both = await equal.run(['run', '--listen', '127.0.0.1:0', ...from, '--genesis']);
    expect(both).toMatchObject({ code: 2, stderr: expect.stringContaining('one of both') });
    const twin = await equal.start([...from, '--expect-root', rootOf(old)]);
    expect(rootOf(twin)).toBe(rootOf(old));
    expect(await called(equal, twin, 'reveal', hidden)).toBe('for whoever has the root');
    await twin.stop();
    const again = await equal.start([]);
    expect(rootOf(again)).toBe(rootOf(old));
    await again.stop();

    const next = await secondMachine(giver);
    await configureBox(next, { number: 2, upgrade, versions: 'version: 2\n    retired: [1]', more: TERMS });
    const unsigned = await next.run(['run', '--listen', '127.0.0.1:0', ...from]);
    expect(unsigned).toMatchObject({ code: 2, stderr: expect.stringContaining('release') });
    await cp(join(next.directory, 'vitrine.yaml'), join(giver.directory, 'vitrine.yaml'));
    expect(await giver.run(['release', 'make', 'next.json'])).toMatchObject({ code: 0 });
    await cp(join(giver.directory, 'next.json'), join(next.directory, 'next.json'));
    const notYet = await next.run(['run', '--listen', '127.0.0.1:0', ...from, '--release', 'next.json']);
    expect(notYet).toMatchObject({ code: 2, stderr: expect.stringContaining('0 of 1 listed keys') });
    await giver.run(['release', 'sign', 'next.json', '--owner-key', 'release.pem']);
    await cp(join(giver.directory, 'next.json'), join(next.directory, 'next.json'));
    const newer = await next.start([...from, '--release', 'next.json']);
    expect(rootOf(newer)).toBe(rootOf(old));
    expect(await called(next, newer, 'reveal', hidden)).toBe('for whoever has the root');

    const older = await secondMachine(giver);
    await configureBox(older, { number: 1, upgrade, versions: 'version: 1', more: TERMS });
    const back = await older.run(['run', '--listen', '127.0.0.1:0', '--handover-from', newer.ready.url]);
    expect(back).toMatchObject({ code: 2, stderr: expect.stringContaining('number') });
    await newer.stop();

    const stranger = freshPlace();
    await cp(join(giver.directory, 'server'), join(stranger.directory, 'server'), { recursive: true });
    await configureBox(stranger, { number: 1, upgrade, versions: 'version: 1', more: TERMS });
    const foreign = await stranger.run(['run', '--listen', '127.0.0.1:0', ...from]);
    expect(foreign.code).not.toBe(0);
    expect(foreign.stderr).toMatch(/simulat/);
    await old.stop();

    await configureBox(giver, { number: 1, upgrade, versions: 'version: 1', more: TERMS });
    const denying = ['release', 'deny', 'list.json', '--name', 'box', '--below', 'box:2', '--owner-key', 'release.pem'];
    expect(await giver.run(denying)).toMatchObject({ code: 0 });
    const wary = await giver.start(['--deny-list', 'list.json']);
    const denied = await older.run(['run', '--listen', '127.0.0.1:0', '--handover-from', wary.ready.url]);
    expect(denied).toMatchObject({ code: 2, stderr: expect.stringContaining('denied') });
    await wary.stop();
  },
);
