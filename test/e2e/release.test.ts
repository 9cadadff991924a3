/** A changed configuration takes over keys and data by a signed release, through the command line. */
import { afterEach, expect } from 'vitest';
import { promise } from '../promises.ts';
import { callBox, configureBox, prepareBox, rootOf, simulatedTrust } from '../support/box.ts';
import { type Running, type Workplace, workplace } from '../support/cli.ts';

const places: Workplace[] = [];
afterEach(async () => {
  await Promise.all(places.splice(0).map((made) => made.dispose()));
});

async function prepared(): Promise<{ readonly user: Workplace; readonly releaseKey: string }> {
  const user = workplace();
  places.push(user);
  return { user, releaseKey: await prepareBox(user) };
}

async function call(user: Workplace, server: Running, name: 'hide' | 'reveal', value?: string): Promise<unknown> {
  return callBox(server.ready.url, await simulatedTrust(user, server), name, value);
}

const RUN = ['run', '--listen', '127.0.0.1:0'];

promise(
  'P4',
  'a signed release rotates a key under the same root; unsigned ones and the way back are refused',
  async () => {
    const { user, releaseKey } = await prepared();
    const signed = `{ kind: signed, keys: ["${releaseKey}"], threshold: 1 }`;
    await configureBox(user, { number: 1, upgrade: signed, versions: 'version: 1' });
    const first = await user.start(['--genesis']);
    await call(user, first, 'hide', 'kept across versions');
    await first.stop();

    await configureBox(user, { number: 2, upgrade: signed, versions: 'version: 2\n    retired: [1]' });
    expect(await user.run(RUN)).toMatchObject({ code: 2, stderr: expect.stringContaining('vitrine release make') });
    expect(await user.run(['release', 'make', 'next.json'])).toMatchObject({ code: 0 });
    const unsigned = await user.run([...RUN, '--release', 'next.json']);
    expect(unsigned).toMatchObject({ code: 2, stderr: expect.stringContaining('0 of 1 listed keys have signed it') });
    await user.run(['release', 'sign', 'next.json', '--owner-key', 'release.pem']);
    const shown = await user.run(['release', 'show', 'next.json']);
    expect(shown.stdout).toContain('1 of 1 listed keys have signed it');

    const second = await user.start(['--release', 'next.json']);
    expect(rootOf(second)).toBe(rootOf(first));
    expect(await call(user, second, 'reveal')).toBe('kept across versions');
    const { url, referenceValues } = second.ready;
    const trust = ['--allow-simulator', '--reference', referenceValues];
    const keys = JSON.parse((await user.run(['keys', 'ls', url, ...trust, '--json'])).stdout);
    expect(JSON.stringify(keys)).toMatch(/"version":1,"state":"retired".*"version":2,"state":"active"/);
    const verified = (await user.run(['verify', url, ...trust])).stdout.replaceAll(/\s+/g, ' ');
    expect(verified).toContain('1 of 1 release keys, without delay');
    expect(verified).toContain('Whoever holds 1 of the 1 release keys can change code and policy');
    await second.stop();

    await (await user.start(['--release', 'next.json'])).stop();
    await configureBox(user, { number: 1, upgrade: signed, versions: 'version: 1' });
    const back = await user.run([...RUN, '--release', 'next.json']);
    expect(back).toMatchObject({ code: 2, stderr: expect.stringContaining('number 2, and 1 is running') });
  },
);
