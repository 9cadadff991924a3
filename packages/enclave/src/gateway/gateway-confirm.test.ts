/** Questions of the gateway itself to users, in the course of their calls, for clients and servers of both eras. */
import type { Client } from '@modelcontextprotocol/client';
import type { Confirmation } from '@vitrine/keys/client';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { GatewayLimits } from './limits.ts';
import { type KeyDouble, keyDouble } from './testing/key-double.ts';
import {
  launchOf,
  modernRequest,
  PRINCIPAL_HEADER,
  plainHousing,
  post,
  type Served,
  said,
  serveIn,
  textOf,
  until,
} from './testing/served.ts';
import { STATE_NOT_FOUND } from './waiting-calls.ts';

const FORMS = { capabilities: { elicitation: {} } } as const;
const QUESTION = 'Send 1 ETH to 0xabc?';

interface Bench {
  readonly keys: KeyDouble;
  readonly served: Served;
  /** The instance in which just these tools run. */
  running(...tools: readonly string[]): Promise<string>;
  confirm(instance: string, signal?: AbortSignal): Promise<Confirmation>;
}

async function bench(script: string, shared = false, limits: Partial<GatewayLimits> = {}): Promise<Bench> {
  const keys = keyDouble();
  const served = await serveIn(plainHousing(launchOf(script), true), limits, { keys, shared });
  return {
    keys,
    served,
    async running(...tools) {
      let found: string | undefined;
      await until(() => {
        const ids = keys.admitted.map(({ instance }) => instance.id);
        found = ids.find((id) => same(keys.gateway().runningTools(id), tools));
        return found !== undefined;
      });
      return found ?? '';
    },
    confirm: (instance, signal = new AbortController().signal) => keys.gateway().confirm(instance, QUESTION, signal),
  };
}

function same(found: readonly string[], wanted: readonly string[]): boolean {
  return wanted.length > 0 && [...found].sort().join() === [...wanted].sort().join();
}

type Answer = { readonly action: 'accept' | 'decline' | 'cancel'; readonly content?: Record<string, boolean> };

function answering(client: Client, answer: Answer): string[] {
  const asked: string[] = [];
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    asked.push(params.message);
    return answer;
  });
  return asked;
}

const YES: Answer = { action: 'accept', content: { confirm: true } };

const PAIRS = [
  ['a 2025-11-25 client of a 2025-11-25 server', 'legacy-server.mjs', 'legacyClient'],
  ['a 2026-07-28 client of a 2025-11-25 server', 'legacy-server.mjs', 'modernClient'],
  ['a 2025-11-25 client of a 2026-07-28 server', 'modern-server.mjs', 'legacyClient'],
  ['a 2026-07-28 client of a 2026-07-28 server', 'modern-server.mjs', 'modernClient'],
] as const;

for (const [who, script, connect] of PAIRS) {
  promise('P4', `${who} is asked in the course of its call, which then goes on`, async () => {
    const { served, running, confirm } = await bench(script);
    const client = await served[connect](FORMS);
    const asked = answering(client, YES);
    const call = client.callTool({ name: 'open', arguments: { name: 'x' } });
    const instance = await running('open');
    expect(await confirm(instance)).toBe('accepted');
    expect(asked).toEqual([QUESTION]);
    expect(await confirm(instance)).toBe('accepted');
    process.kill(await pidOf(served), 'SIGUSR2');
    expect(textOf(await call)).toContain('opened x');
    // The server has heard nothing of it.
    expect(served.log.join('\n')).not.toMatch(/confirm|vitrine-/);
  });

  for (const [what, answer] of [
    ['decline', { action: 'decline' }],
    ['cancel', { action: 'cancel' }],
    ['accept without a yes', { action: 'accept', content: { confirm: false } }],
  ] as const) {
    promise('P4', `${who} that answers ${what} has declined`, async () => {
      const { served, running, confirm } = await bench(script);
      const client = await served[connect](FORMS);
      answering(client, answer);
      const call = client.callTool({ name: 'open', arguments: { name: 'x' } });
      expect(await confirm(await running('open'))).toBe('declined');
      process.kill(await pidOf(served), 'SIGUSR2');
      await call;
    });
  }

  promise('P4', `${who} that shows no forms is not asked`, async () => {
    const { served, running, confirm } = await bench(script);
    const client = await served[connect]({ capabilities: { sampling: {} } });
    const call = client.callTool({ name: 'open', arguments: { name: 'x' } });
    expect(await confirm(await running('open'))).toBe('unavailable');
    process.kill(await pidOf(served), 'SIGUSR2');
    await call;
  });

  promise('P4', `${who}: nobody is asked before a call, nor after it`, async () => {
    const { keys, served, confirm } = await bench(script);
    const client = await served[connect](FORMS);
    const asked = answering(client, YES);
    await client.callTool({ name: 'whoami', arguments: {} });
    for (const { instance } of keys.admitted) {
      expect(keys.gateway().runningTools(instance.id)).toEqual([]);
      expect(await confirm(instance.id)).toBe('unavailable');
    }
    expect(asked).toEqual([]);
  });

  promise('P4', `${who} that cancels its call is not asked any more, and gives no answer`, async () => {
    const { keys, served, running, confirm } = await bench(script);
    const client = await served[connect](FORMS);
    const abort = new AbortController();
    const { promise: shown, resolve } = Promise.withResolvers<void>();
    client.setRequestHandler('elicitation/create', () => {
      resolve();
      return new Promise(() => undefined);
    });
    const call = client.callTool({ name: 'hang', arguments: {} }, { signal: abort.signal });
    call.catch(() => undefined);
    const instance = await running('hang');
    const confirmed = confirm(instance);
    await shown;
    abort.abort();
    // To a stateless gateway a client that thinks about a question looks like one that has left.
    if (connect === 'legacyClient') {
      expect(await confirmed).toBe('unavailable');
      expect(keys.gateway().runningTools(instance)).toEqual([]);
    }
  });

  promise('P4', `${who}: who asked can take the question back`, async () => {
    const { served, running, confirm } = await bench(script);
    const client = await served[connect](FORMS);
    const abort = new AbortController();
    client.setRequestHandler('elicitation/create', async () => {
      abort.abort();
      return YES;
    });
    const call = client.callTool({ name: 'open', arguments: { name: 'x' } });
    expect(await confirm(await running('open'), abort.signal)).toBe('unavailable');
    process.kill(await pidOf(served), 'SIGUSR2');
    expect(textOf(await call)).toContain('opened x');
  });

  promise('P4', `${who}: a server that dies leaves no question open`, async () => {
    const { served, running, confirm } = await bench(script);
    const client = await served[connect](FORMS);
    const { promise: shown, resolve } = Promise.withResolvers<void>();
    client.setRequestHandler('elicitation/create', () => {
      resolve();
      return new Promise(() => undefined);
    });
    const call = client.callTool({ name: 'open', arguments: { name: 'x' } });
    call.catch(() => undefined);
    const confirmed = confirm(await running('open'));
    await shown;
    process.kill(await pidOf(served), 'SIGKILL');
    expect(await confirmed).toBe('unavailable');
  });
}

/** Of the server that works on `open`. */
async function pidOf(served: Served): Promise<number> {
  let line: string | undefined;
  await until(() => {
    line = served.log.findLast((one) => one.startsWith('opens x in '));
    return line !== undefined;
  });
  return Number(line?.slice('opens x in '.length));
}

async function send(
  served: Served,
  params: Readonly<Record<string, unknown>>,
  principal: string,
  capabilities: object = { elicitation: {} },
): Promise<{ readonly result: Record<string, unknown>; readonly error: unknown }> {
  const { body, headers } = modernRequest(1, 'tools/call', params, { ...capabilities });
  const answer = await post(served.url, body, { ...headers, [PRINCIPAL_HEADER]: principal });
  const last = answer.body.includes('data: ') ? (answer.body.split('data: ').at(-1) ?? '') : answer.body;
  return JSON.parse(last);
}

promise('P4', 'with one server for all, nobody is asked while calls of several run', async () => {
  const { served, running, confirm } = await bench('modern-server.mjs', true);
  const params = { name: 'open', arguments: { name: 'x' } };
  const calls = ['A', 'B'].map((principal) => send(served, params, principal));
  await said(served, `opens x in ${await pidOf(served)}`, 2);
  expect(await confirm(await running('open'))).toBe('unavailable');
  process.kill(await pidOf(served), 'SIGUSR2');
  await Promise.all(calls);
});

promise('P4', 'clients that cannot be told apart are not asked while several of their calls run', async () => {
  const { served, running, confirm } = await bench('modern-server.mjs');
  const [one, two] = [await served.modernClient(FORMS), await served.modernClient(FORMS)];
  const asked = [...[answering(one, YES), answering(two, YES)]];
  const calls = [one, two].map((client) => client.callTool({ name: 'open', arguments: { name: 'x' } }));
  await said(served, `opens x in ${await pidOf(served)}`, 2);
  expect(await confirm(await running('open'))).toBe('unavailable');
  expect(asked).toEqual([[], []]);
  process.kill(await pidOf(served), 'SIGUSR2');
  await Promise.all(calls);
});

for (const script of ['legacy-server.mjs', 'modern-server.mjs']) {
  promise('P4', `${script}: an answer of somebody else, to another call, or twice, is none`, async () => {
    const { served, running, confirm } = await bench(script);
    const params = { name: 'open', arguments: { name: 'x' } };
    const first = send(served, params, 'A');
    const confirmed = confirm(await running('open'));
    const { result: asked } = await first;
    expect(asked).toMatchObject({ resultType: 'input_required' });
    const [key = ''] = Object.keys(Object(asked['inputRequests']));
    const good = { ...params, requestState: asked['requestState'], inputResponses: { [key]: YES } };
    expect((await send(served, good, 'B')).error).toEqual(STATE_NOT_FOUND);
    expect((await send(served, { ...good, arguments: { name: 'y' } }, 'A')).error).toEqual(STATE_NOT_FOUND);
    const done = send(served, good, 'A');
    expect(await confirmed).toBe('accepted');
    expect((await send(served, good, 'A')).error).toEqual(STATE_NOT_FOUND);
    process.kill(await pidOf(served), 'SIGUSR2');
    expect(textOf((await done).result)).toContain('opened x');
    expect((await send(served, good, 'A')).error).toEqual(STATE_NOT_FOUND);
  });

  promise('P4', `${script}: a call that waits for its user runs, and its tool is named`, async () => {
    const { keys, served, running, confirm } = await bench(script);
    const params = { name: 'open', arguments: { name: 'x' } };
    const first = send(served, params, 'A');
    const instance = await running('open');
    const confirmed = confirm(instance);
    const { result: asked } = await first;
    expect(keys.gateway().runningTools(instance)).toEqual(['open']);
    // An answer that was left out is asked for again.
    const again = await send(served, { ...params, requestState: asked['requestState'] }, 'A');
    expect(again.result).toMatchObject({ inputRequests: asked['inputRequests'] });
    const [key = ''] = Object.keys(Object(asked['inputRequests']));
    const retry = { ...params, requestState: again.result['requestState'], inputResponses: { [key]: YES } };
    const done = send(served, retry, 'A');
    expect(await confirmed).toBe('accepted');
    process.kill(await pidOf(served), 'SIGUSR2');
    await done;
    expect(keys.gateway().runningTools(instance)).toEqual([]);
  });
}

promise('P4', 'a question of the server and one of the gateway each get their own answer', async () => {
  const { served, running, confirm } = await bench('legacy-server.mjs');
  const client = await served.modernClient(FORMS);
  client.setRequestHandler('elicitation/create', async ({ params }) =>
    params.message === QUESTION
      ? { action: 'decline' }
      : { action: 'accept', content: { confirm: true, answer: 'me' } },
  );
  const call = client.callTool({ name: 'openAsking', arguments: { name: 'x' } });
  expect(await confirm(await running('openAsking'))).toBe('declined');
  process.kill(await pidOf(served), 'SIGUSR2');
  const said = textOf(await call);
  expect(JSON.parse(said)).toEqual({ action: 'accept', content: { confirm: true, answer: 'me' } });
});

promise('P4', 'a server cannot answer for the user: the states and questions of its own stay its own', async () => {
  const { served, running, confirm } = await bench('modern-server.mjs');
  const client = await served.modernClient(FORMS);
  const asked = answering(client, { action: 'decline' });
  // It asks with the gateway's words and under its key, and gets the answers to that; the gateway does not.
  const rounds = await client.callTool({ name: 'lookalike', arguments: { question: QUESTION } });
  expect(textOf(rounds)).toContain('"action":"decline"');
  const call = client.callTool({ name: 'open', arguments: { name: 'x' } });
  expect(await confirm(await running('open'))).toBe('declined');
  expect(asked).toEqual([QUESTION, QUESTION]);
  process.kill(await pidOf(served), 'SIGUSR2');
  await call;
});

for (const script of ['legacy-server.mjs', 'modern-server.mjs']) {
  promise('P4', `${script}: a question that nobody comes back to is given up with its call`, async () => {
    const { keys, served, running, confirm } = await bench(script, false, { inputMs: 20 });
    const params = { name: 'hang', arguments: {} };
    const first = send(served, params, 'A');
    const instance = await running('hang');
    const confirmed = confirm(instance);
    const { result: asked } = await first;
    expect(await confirmed).toBe('unavailable');
    expect(keys.gateway().runningTools(instance)).toEqual([]);
    await said(served, 'cancelled a request');
    const [key = ''] = Object.keys(Object(asked['inputRequests']));
    const late = { ...params, requestState: asked['requestState'], inputResponses: { [key]: YES } };
    // Also a server that keeps states of its own does not get to see it.
    expect((await send(served, late, 'A')).error).toEqual(STATE_NOT_FOUND);
    expect(keys.gateway().runningTools(instance)).toEqual([]);
  });
}
