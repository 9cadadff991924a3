/**
 * Who puts back an older state, starts a second copy, or another image: refused, fenced off, and said so, by the real
 * program with a TPM, with a freshness service, and by a client that has seen more.
 *
 * @module
 */
import { copyFileSync, cpSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { type AttestedTransportOptions, attestedTransport } from '@vitrine/client';
import { afterEach, expect } from 'vitest';
import { serveAnchor } from '../../../examples/freshness-anchor/server.ts';
import { openTpm } from '../../../packages/attester/src/tpm/open-tpm.ts';
import { extendPcr } from '../../../packages/attester/src/tpm/registers.ts';
import { TpmAlg } from '../../../packages/attester/src/tpm/structures.ts';
import { missingSwtpm } from '../../../packages/attester/src/tpm/testing/swtpm.ts';
import { promise } from '../../promises.ts';
import { prepareBox, rootOf, simulatedTrust } from '../../support/box.ts';
import { commandOf, processesBelow } from '../../support/canaries.ts';
import { type Running, type Workplace, workplace } from '../../support/cli.ts';
import { tpmMachine } from './machines.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function freshPlace(): Workplace {
  const user = workplace();
  ends.push(() => user.dispose());
  return user;
}

/** The server of `box.ts`, with an anchor and a strict limit of `most` uses of its key a day, or with neither. */
async function configure(user: Workplace, anchor?: string, most = 100, roots = ''): Promise<void> {
  await prepareBox(user);
  const limits = `limits: [{ kind: rate, id: day, window: 86400, per: key, max: ${most} }]\n      copies: strict`;
  await writeFile(
    join(user.directory, 'vitrine.yaml'),
    `
name: box
server: { source: "module:./server/main.mjs" }
logs: { child: drop }
store: sealed
${anchor ?? ''}
${roots}
keys:
  box:
    origin: derived
    algorithm: aes256
    version: 1
    policy:
      rules:
        - { id: in, effect: allow, action: encrypt, contexts: [notes] }
        - { id: out, effect: allow, action: decrypt, contexts: [notes] }
      ${anchor === undefined ? '' : limits}
`,
  );
}

async function serviceAnchor(user: Workplace): Promise<string> {
  const { url, key, close } = await serveAnchor(join(user.directory, 'anchor'), 0);
  ends.push(close);
  return `anchor: { kind: service, url: "${url}", key: "${key}" }`;
}

/** What a tool says, and `error: …` where it fails. */
async function said(
  server: Running,
  trust: AttestedTransportOptions,
  name: 'hide' | 'reveal',
  value = '',
): Promise<string> {
  const client = new Client({ name: 'person', version: '1.0.0' });
  try {
    await client.connect(attestedTransport(server.ready.url, trust));
    const { content, isError } = await client.callTool({ name, arguments: { value } });
    return (isError === true ? 'error: ' : '') + ((content as readonly { readonly text: string }[])[0]?.text ?? '');
  } catch (error) {
    return `error: ${error}`;
  } finally {
    await client.close();
  }
}

const stateOf = (user: Workplace): string => join(user.home, 'keys', 'box');

/** What `run` says that does not come to serve. */
async function refusal(user: Workplace, flags: readonly string[] = []): Promise<string> {
  const { code, stdout } = await user.run(['run', '--listen', '127.0.0.1:0', '--json', ...flags]);
  return `${code} ${(JSON.parse(stdout) as { readonly code: string }).code}`;
}

/** Ends the key service with no time to put anything in order. */
async function crash(server: Running): Promise<void> {
  const services = processesBelow(server.process.pid ?? 0).filter((pid) => /keyd\.(?:ts|js)/.test(commandOf(pid)));
  const closed = new Promise((resolve) => server.process.once('close', resolve));
  process.kill(services.at(-1) ?? 0, 'SIGKILL');
  await closed;
}

interface Bench {
  readonly flags: readonly string[];
  boot(): Promise<void>;
  trust(server: Running): Promise<AttestedTransportOptions>;
}

const log = (state: string): string => join(state, 'store.sqlite-wal');
/** What an operator can do to the newest state with an older copy at hand. */
const HARMS = {
  'an older file': (state: string, older: string): void => {
    copyFileSync(join(older, 'store.sqlite'), join(state, 'store.sqlite'));
    for (const name of readdirSync(state).filter((one) => one.startsWith('store.sqlite-'))) rmSync(join(state, name));
  },
  'a cut log': (state: string): void => truncateSync(log(state), statSync(log(state)).size - 4096),
  'no log': (state: string): void => rmSync(log(state)),
  'an older copy': (state: string, older: string): void => {
    rmSync(state, { recursive: true });
    cpSync(older, state, { recursive: true });
  },
};

async function olderStates(user: Workplace, bench: Bench, changes: readonly (keyof typeof HARMS)[]): Promise<void> {
  const started = async (...more: readonly string[]): Promise<Running> => {
    await bench.boot();
    return user.start([...bench.flags, ...more]);
  };
  const refused = async (): Promise<string> => {
    await bench.boot();
    return refusal(user, bench.flags);
  };
  const [state, older, newest] = [stateOf(user), join(user.directory, 'older'), join(user.directory, 'newest')];
  const first = await started('--genesis');
  expect(await said(first, await bench.trust(first), 'hide', 'one')).not.toMatch(/error/);
  await first.stop();
  cpSync(state, older, { recursive: true });
  const second = await started();
  for (const value of ['two', 'three']) {
    expect(await said(second, await bench.trust(second), 'hide', value)).not.toMatch(/error/);
  }
  await crash(second);
  cpSync(state, newest, { recursive: true });
  const putBack = (): void => {
    rmSync(state, { recursive: true });
    cpSync(newest, state, { recursive: true });
  };

  for (const change of changes) {
    HARMS[change](state, older);
    expect(await refused(), change).toBe('2 keys.state-older');
    putBack();
  }
  const again = await started();
  expect(await said(again, await bench.trust(again), 'reveal')).toBe('"three"');
  await again.stop();
}

promise.unless(
  missingSwtpm(),
  'P1',
  'with a counter of a TPM, an older file or a cut log of the sealed state is refused by its name',
  async () => {
    const user = freshPlace();
    const machine = await tpmMachine(user);
    ends.push(() => machine.end());
    await configure(user, 'anchor: { kind: tpm }', 100, `roots: ${await machine.roots()}`);
    await olderStates(user, { flags: machine.flags, boot: () => machine.boot(''), trust: machine.trust }, [
      'an older file',
      'a cut log',
    ]);
  },
);

promise(
  'P1',
  'with a freshness service, an older file or a cut log of the sealed state is refused by its name',
  async () => {
    const user = freshPlace();
    await configure(user, await serviceAnchor(user));
    const bench: Bench = {
      flags: [],
      boot: async () => undefined,
      trust: (server) => simulatedTrust(user, server),
    };
    await olderStates(user, bench, ['a cut log', 'no log', 'an older copy']);
  },
);

promise(
  'P4',
  'of two live copies under one freshness service the older is fenced off, and limits stay exact',
  async () => {
    const user = freshPlace();
    await configure(user, await serviceAnchor(user), 5);
    const first = await user.start(['--genesis']);
    const trust = await simulatedTrust(user, first);
    const once = (server: Running): Promise<string> => said(server, trust, 'hide', 'note');
    for (let use = 0; use < 2; use++) expect(await once(first)).not.toMatch(/error/);

    const copy = freshPlace();
    for (const name of ['home', 'server', 'vitrine.yaml']) {
      await cp(join(user.directory, name), join(copy.directory, name), { recursive: true });
    }
    const second = await copy.start([]);
    expect(rootOf(second)).toBe(rootOf(first));
    expect(await once(first)).toMatch(/error: .*not the newest/);
    const uses = [await once(second), await once(second), await once(second)];
    expect(uses.filter((one) => one.startsWith('error'))).toEqual([]);
    expect(await once(second)).toMatch(/error: .*limit/);
    for (const name of ['hide', 'reveal'] as const) expect(await said(first, trust, name, '')).toMatch(/^error/);
    // The operator of the older one is told, too.
    await expect
      .poll(() => first.output().stderr, { timeout: 10_000 })
      .toMatch(/the state of the key service is not the newest/);
    await first.stop();
    expect(await refusal(user)).toMatch(/^2 keys\.state-(?:older|forked)$/);
    await second.stop();
    const third = await copy.start([]);
    expect(await once(third)).toMatch(/error: .*limit/);
    await third.stop();
  },
);

const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'person', version: '1' } },
});

promise(
  'P1',
  'without an anchor, a client that has seen more refuses the older state, and sends nothing to it',
  async () => {
    const user = freshPlace();
    await configure(user);
    const first = await user.start(['--genesis']);
    const at = new URL(first.ready.url).host;
    expect(await said(first, await simulatedTrust(user, first), 'hide', 'one')).not.toMatch(/error/);
    await first.stop();
    const older = join(user.directory, 'older');
    cpSync(stateOf(user), older, { recursive: true });

    const second = await user.start([], at);
    expect(await said(second, await simulatedTrust(user, second), 'hide', 'two')).not.toMatch(/error/);
    const added = await user.run([...second.ready.add.slice(2), '--yes', '--print']);
    expect(added, added.stderr).toMatchObject({ code: 0 });
    const connected = await user.run(['connect', second.ready.url], `${INITIALIZE}\n`);
    expect(JSON.parse(connected.stdout)).toMatchObject({ id: 1, result: { serverInfo: { name: 'box' } } });
    await second.stop();

    rmSync(stateOf(user), { recursive: true });
    cpSync(older, stateOf(user), { recursive: true });
    const third = await user.start([], at);
    const refused = await user.run(['connect', third.ready.url], `${INITIALIZE}\n`);
    expect(refused.stdout).toContain('pin.state-older');
    expect(JSON.parse(refused.stdout)).toMatchObject({
      id: 1,
      error: { message: expect.stringContaining('older copy') },
    });
    const looked = await user.run(['verify', third.ready.url]);
    expect(looked.code).toBe(1);
    expect(looked.stdout + looked.stderr).toMatch(/pin\.state-older|older copy/);
    await third.stop();
  },
);

promise.unless(
  missingSwtpm(),
  'P4',
  'another image does not open the root that a TPM sealed; the one that it was sealed to does',
  async () => {
    const user = freshPlace();
    const machine = await tpmMachine(user);
    ends.push(() => machine.end());
    await configure(user, undefined, 100, `roots: ${await machine.roots()}`);
    await machine.boot('');
    const first = await user.start([...machine.flags, '--genesis']);
    expect(await said(first, await machine.trust(first), 'hide', 'for this image')).not.toMatch(/error/);
    await first.stop();
    for (const pcr of [0, 4, 8, 11]) {
      await machine.boot('');
      const transport = await openTpm(machine.tpm.path);
      await extendPcr(transport, pcr, [[TpmAlg.sha256, new Uint8Array(32).fill(pcr + 1)]]);
      await transport.close();
      expect(await refusal(user, machine.flags), `PCR ${pcr}`).toBe('2 attester.root-refused');
      // Nor is another root made in its place.
      expect(await refusal(user, [...machine.flags, '--genesis']), `PCR ${pcr}`).toMatch(/^2 (?:attester|keys)\.root-/);
    }
    await machine.boot('');
    const again = await user.start(machine.flags);
    expect(rootOf(again)).toBe(rootOf(first));
    expect(await said(again, await machine.trust(again), 'reveal')).toBe('"for this image"');
    await again.stop();
  },
);
