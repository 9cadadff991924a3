import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { isObject } from './message.ts';
import { modernRequest, PRINCIPAL_HEADER, post, type Served, said, serve, textOf, until } from './testing/served.ts';
import { STATE_NOT_FOUND } from './waiting-calls.ts';

const ALL = { elicitation: {}, sampling: {}, roots: {} } as const;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly result: Record<string, unknown>;
  readonly error: unknown;
}

interface Asked {
  readonly resultType: string;
  readonly inputRequests: Record<string, { readonly method: string; readonly params?: Record<string, unknown> }>;
  readonly requestState: string;
}

interface Sent {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly capabilities?: Readonly<Record<string, unknown>>;
  readonly principal?: string;
  readonly signal?: AbortSignal;
}

/** One raw request; the message is the last one of an event stream. */
async function send(served: Served, sent: Sent): Promise<Answer> {
  const { body, headers } = modernRequest(
    sent.id ?? 1,
    sent.method ?? 'tools/call',
    sent.params,
    sent.capabilities ?? ALL,
  );
  const who = sent.principal === undefined ? {} : { [PRINCIPAL_HEADER]: sent.principal };
  const answer = await post(served.url, body, { ...headers, ...who });
  const last = answer.body.includes('data: ') ? (answer.body.split('data: ').at(-1) ?? '') : answer.body;
  const message: unknown = JSON.parse(last);
  if (!isObject(message)) throw new Error(`no message: ${answer.body}`);
  expect(message['id']).toBe(sent.id ?? 1);
  return { ...answer, result: message['result'] as Record<string, unknown>, error: message['error'] };
}

function askedIn(answer: Answer): Asked {
  expect(answer.result).toMatchObject({ resultType: 'input_required' });
  return answer.result as unknown as Asked;
}

function toolCall(
  name: string,
  args: Record<string, unknown> = {},
): { name: string; arguments: Record<string, unknown> } {
  return { name, arguments: args };
}

function accept(answer: string): object {
  return { action: 'accept', content: { answer } };
}

/** The params of a retry that answers each question by `give`. */
function retry(params: object, asked: Asked, give: (question: string) => object): Record<string, unknown> {
  const answers = Object.entries(asked.inputRequests).map(([key, { params: of }]) => [
    key,
    give(String(of?.['message'])),
  ]);
  return { ...params, inputResponses: Object.fromEntries(answers), requestState: asked.requestState };
}

promise('P8', 'a 2026-07-28 client is asked by a 2025-11-25 server: elicitation, sampling and roots', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.modernClient({ capabilities: ALL });
  client.setRequestHandler('elicitation/create', async () => ({ action: 'accept', content: { answer: 'yes' } }));
  client.setRequestHandler('sampling/createMessage', async () => ({
    role: 'assistant',
    model: 'm',
    content: { type: 'text', text: 'hello' },
  }));
  client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///r' }] }));
  expect(textOf(await client.callTool(toolCall('elicit')))).toContain('"answer":"yes"');
  expect(textOf(await client.callTool(toolCall('sample')))).toContain('"text":"hello"');
  expect(textOf(await client.callTool(toolCall('roots')))).toContain('file:///r');
  expect(textOf(await client.callTool(toolCall('rounds', { mark: 'm' })))).toBe('m: yes is yes');
  const [elicited, sampled, roots] = JSON.parse(textOf(await client.callTool(toolCall('together'))));
  expect([elicited.action, sampled.model, roots.roots]).toEqual(['accept', 'm', [{ uri: 'file:///r' }]]);
  const prompt = await client.getPrompt({ name: 'ask' });
  expect(prompt.messages[0]?.content).toEqual({ type: 'text', text: 'Hello yes' });
  expect((await client.readResource({ uri: 'test://ask' })).contents[0]).toMatchObject({ uri: 'test://ask' });
});

for (const action of ['decline', 'cancel'] as const) {
  promise('P8', `an elicitation that the client answers with ${action} reaches the server as that`, async () => {
    const served = await serve('legacy-server.mjs');
    const client = await served.modernClient({ capabilities: ALL });
    client.setRequestHandler('elicitation/create', async () => ({ action }));
    expect(JSON.parse(textOf(await client.callTool(toolCall('elicit'))))).toEqual({ action });
  });
}

promise('P8', 'questions that arrive together are asked together, and what was left out is asked again', async () => {
  const served = await serve('legacy-server.mjs');
  const params = toolCall('together');
  const first = askedIn(await send(served, { params }));
  expect(Object.values(first.inputRequests).map(({ method }) => method)).toEqual([
    'elicitation/create',
    'sampling/createMessage',
    'roots/list',
  ]);
  const [elicit = '', sample = '', roots = ''] = Object.keys(first.inputRequests);
  const partial = { [elicit]: accept('a'), unknown: { x: 1 }, __proto__: { y: 1 } };
  const second = askedIn(
    await send(served, { id: 'two', params: { ...params, inputResponses: partial, requestState: first.requestState } }),
  );
  expect(Object.keys(second.inputRequests)).toEqual([sample, roots]);
  expect(second.requestState).not.toBe(first.requestState);
  const rest = { [sample]: { model: 's' }, [roots]: { roots: [] }, [elicit]: accept('too late') };
  const third = await send(served, { params: { ...params, inputResponses: rest, requestState: second.requestState } });
  expect(JSON.parse(textOf(third.result))).toEqual([accept('a'), { model: 's' }, { roots: [] }]);
  expect(third.result['resultType']).toBe('complete');
});

promise('P8', 'a retry without answers gets the questions again', async () => {
  const served = await serve('legacy-server.mjs');
  const params = toolCall('elicit');
  const first = askedIn(await send(served, { params }));
  const second = askedIn(await send(served, { params: { ...params, requestState: first.requestState } }));
  expect(second.inputRequests).toEqual(first.inputRequests);
  const done = await send(served, { params: retry(params, second, () => accept('x')) });
  expect(JSON.parse(textOf(done.result))).toEqual(accept('x'));
});

promise('P8', 'progress before and after a question arrives under the token of its own request', async () => {
  const served = await serve('legacy-server.mjs');
  const params = { ...toolCall('asksWithProgress') };
  const first = await send(served, { params: { ...params, _meta: { progressToken: 'before' } } });
  expect(first.body).toMatch(/"progressToken":"before".*"progress":1|"progress":1.*"progressToken":"before"/);
  const again = { ...retry(params, askedIn(first), () => accept('x')), _meta: { progressToken: 7 } };
  const second = await send(served, { params: again });
  expect(second.body).toMatch(/"progressToken":7.*"progress":2|"progress":2.*"progressToken":7/);
  expect(second.body).not.toContain('before');
});

promise('P8', 'a question that the server takes back is not asked', async () => {
  const served = await serve('legacy-server.mjs');
  const asked = askedIn(await send(served, { params: toolCall('fickle') }));
  expect(Object.values(asked.inputRequests).map(({ params }) => params?.['message'])).toEqual(['but this']);
});

promise('P8', 'a result that comes before the answers is kept for the retry', async () => {
  const served = await serve('legacy-server.mjs', [], { instances: 1 });
  const { pid } = JSON.parse(textOf((await send(served, { params: toolCall('whoami') })).result));
  const params = toolCall('hasty');
  const asked = askedIn(await send(served, { params }));
  process.kill(pid, 'SIGUSR2');
  // Its turn comes when the server has given the result of the first.
  await send(served, { params: toolCall('echo', { m: 'x' }) });
  const done = await send(served, { params: retry(params, asked, () => accept('x')) });
  expect(textOf(done.result)).toBe('done without you');
});

promise('P8', 'kinds that the client did not declare are refused to the server, others pass', async () => {
  const served = await serve('legacy-server.mjs');
  const form = { message: 'm', requestedSchema: {} };
  const cases = [
    [{ elicitation: {} }, 'sampling/createMessage', {}, -32601],
    [{ sampling: {} }, 'elicitation/create', form, -32601],
    [{ elicitation: {} }, 'roots/list', {}, -32601],
    [ALL, 'acme/ask', {}, -32601],
    [ALL, 'elicitation/create', { ...form, mode: 'url', url: 'https://x' }, -32602],
    [{ elicitation: { url: {} } }, 'elicitation/create', form, -32602],
    [ALL, 'sampling/createMessage', { messages: [], tools: [] }, -32602],
    [ALL, 'sampling/createMessage', { messages: [], toolChoice: {} }, -32602],
  ] as const;
  for (const [capabilities, method, params, code] of cases) {
    const answer = await send(served, { params: toolCall('asks', { method, params }), capabilities });
    expect([method, JSON.parse(textOf(answer.result)).code]).toEqual([method, code]);
  }
  const url = { mode: 'url', url: 'https://x', message: 'm' };
  const passed = await send(served, {
    params: toolCall('asks', { method: 'elicitation/create', params: url }),
    capabilities: { elicitation: { url: {} } },
  });
  expect(Object.values(askedIn(passed).inputRequests)).toEqual([{ method: 'elicitation/create', params: url }]);
});

promise('P8', 'ping of the server is answered, and a question outside of any call is refused', async () => {
  const served = await serve('legacy-server.mjs');
  const ping = await send(served, { params: toolCall('asks', { method: 'ping' }) });
  expect(JSON.parse(textOf(ping.result))).toEqual({});
  await send(served, { params: toolCall('afterwards') });
  await until(() => served.log.some((line) => line.startsWith('outside: ') && line.includes('-32600')));
});

promise('P1', 'a state is found by its own principal and call alone, once, and every refusal is the same', async () => {
  const served = await serve('legacy-server.mjs');
  const params = toolCall('rounds', { mark: 'm' });
  const first = askedIn(await send(served, { params, principal: 'A' }));
  const good = retry(params, first, () => accept('Ann'));
  const [mark = '', sealed = ''] = first.requestState.split('.');
  const bytes = Buffer.from(sealed, 'base64url');
  const flipped = (index: number): string => {
    const changed = Buffer.from(bytes);
    changed[index] = (changed[index] ?? 0) ^ 1;
    return `${mark}.${changed.toString('base64url')}`;
  };
  const wrong: readonly Sent[] = [
    { params: good, principal: 'B' },
    { params: { ...good, arguments: { mark: 'other' } }, principal: 'A' },
    { params: { ...good, name: 'echo' }, principal: 'A' },
    { params: { ...good, extra: 1 }, principal: 'A' },
    { params: good, principal: 'A', method: 'prompts/get' },
    { params: good, principal: 'A', method: 'tools/list' },
    { params: good, principal: 'A', capabilities: { elicitation: {} } },
    { params: good, principal: 'A', capabilities: {} },
    { params: { ...good, requestState: '' }, principal: 'A' },
    { params: { ...good, requestState: 7 }, principal: 'A' },
    { params: { ...good, requestState: `${first.requestState}A` }, principal: 'A' },
    { params: { ...good, requestState: `${first.requestState}=` }, principal: 'A' },
    { params: { ...good, requestState: sealed }, principal: 'A' },
    { params: { ...good, requestState: `${mark}0.${sealed}` }, principal: 'A' },
    ...[0, 11, 12, 20, 36, -1].map((index) => ({
      params: { ...good, requestState: flipped(index < 0 ? bytes.length + index : index) },
      principal: 'A',
    })),
  ];
  for (const sent of wrong) expect((await send(served, sent)).error).toEqual(STATE_NOT_FOUND);
  const second = askedIn(await send(served, { params: good, principal: 'A' }));
  expect((await send(served, { params: good, principal: 'A' })).error).toEqual(STATE_NOT_FOUND);
  const done = await send(served, { params: retry(params, second, () => accept('red')), principal: 'A' });
  expect(textOf(done.result)).toBe('m: Ann is red');
  expect((await send(served, { params: retry(params, second, () => accept('red')), principal: 'A' })).error).toEqual(
    STATE_NOT_FOUND,
  );
});

for (const inputResponses of [[], 'x', { a: 1 }, { a: null }, { a: [] }]) {
  promise('P8', `inputResponses ${JSON.stringify(inputResponses)} are refused and cost nothing`, async () => {
    const served = await serve('legacy-server.mjs');
    const params = toolCall('elicit');
    const asked = askedIn(await send(served, { params }));
    const refused = await send(served, { params: { ...params, inputResponses, requestState: asked.requestState } });
    expect(refused.error).toMatchObject({ code: -32602, message: expect.stringContaining('inputResponses') });
    const done = await send(served, { params: retry(params, asked, () => accept('x')) });
    expect(JSON.parse(textOf(done.result))).toEqual(accept('x'));
  });
}

promise('P1', 'with one server for all, a state still belongs to its principal', async () => {
  const served = await serve('legacy-server.mjs', [], {}, true);
  const params = toolCall('elicit');
  const asked = askedIn(await send(served, { params, principal: 'A' }));
  const good = retry(params, asked, () => accept('x'));
  expect((await send(served, { params: good, principal: 'B' })).error).toEqual(STATE_NOT_FOUND);
  expect(JSON.parse(textOf((await send(served, { params: good, principal: 'A' })).result))).toEqual(accept('x'));
});

promise('P8', 'a call that waits for too long is cancelled in the server and no longer found', async () => {
  const served = await serve('legacy-server.mjs', [], { inputMs: 20 });
  const params = toolCall('elicit');
  const asked = askedIn(await send(served, { params }));
  await said(served, 'cancelled a request');
  expect((await send(served, { params: retry(params, asked, () => accept('x')) })).error).toEqual(STATE_NOT_FOUND);
});

promise('P8', 'when too many wait, the oldest of the same principal is given up', async () => {
  const served = await serve('legacy-server.mjs', [], { waitingCalls: 2 });
  const params = toolCall('elicit');
  const other = askedIn(await send(served, { params, principal: 'B' }));
  const oldest = askedIn(await send(served, { params, principal: 'A' }));
  const newest = askedIn(await send(served, { params, principal: 'A' }));
  await said(served, 'cancelled a request');
  const outcome = async (asked: Asked, principal: string): Promise<unknown> =>
    (await send(served, { params: retry(params, asked, () => accept(principal)), principal })).error;
  expect(await outcome(oldest, 'A')).toEqual(STATE_NOT_FOUND);
  expect(await outcome(newest, 'A')).toBeUndefined();
  expect(await outcome(other, 'B')).toBeUndefined();
});

promise('P8', 'calls that may ask have processes of their own, then take turns, then are refused', async () => {
  const served = await serve('legacy-server.mjs', [], { instances: 2, queuedCalls: 1 });
  const params = toolCall('rounds', { mark: 'x' });
  const asked = [askedIn(await send(served, { params })), askedIn(await send(served, { params }))];
  // Which of the two comes first is not known, but only one place is left to wait in.
  const both = [1, 2].map((id) => send(served, { id, params: toolCall('echo', { m: 'my turn' }) }));
  const refused = await Promise.race(both);
  expect([refused.status, refused.error]).toMatchObject([503, { code: -32603 }]);
  // What cannot ask is served all the while.
  expect((await send(served, { method: 'tools/list' })).status).toBe(200);
  const second = askedIn(await send(served, { params: retry(params, asked[0] as Asked, () => accept('a')) }));
  const done = await send(served, { params: retry(params, second, () => accept('b')) });
  expect(textOf(done.result)).toBe('x: a is b');
  const settled = await Promise.all(both);
  expect(settled.map(({ status }) => status).toSorted()).toEqual([200, 503]);
  expect(settled.filter(({ status }) => status === 200).map(({ result }) => textOf(result))).toEqual(['my turn']);
});

promise('P8', 'with one server for all, calls that may ask take turns in it', async () => {
  const served = await serve('legacy-server.mjs', [], {}, true);
  const params = toolCall('elicit');
  const asked = askedIn(await send(served, { params, principal: 'A' }));
  const queued = send(served, { params: toolCall('whoami'), principal: 'B' });
  const listed = await send(served, { method: 'tools/list', principal: 'B' });
  expect(listed.status).toBe(200);
  await send(served, { params: retry(params, asked, () => accept('x')), principal: 'A' });
  const { pid } = JSON.parse(textOf((await queued).result));
  const again = await send(served, { params: toolCall('whoami'), principal: 'A' });
  expect(JSON.parse(textOf(again.result)).pid).toBe(pid);
});

promise('P8', 'a client that leaves a retry has cancelled the call', async () => {
  const served = await serve('legacy-server.mjs');
  const client = await served.modernClient({ capabilities: ALL });
  const abort = new AbortController();
  client.setRequestHandler('elicitation/create', async () => {
    abort.abort();
    return { action: 'accept', content: {} };
  });
  await expect(client.callTool(toolCall('elicit'), { signal: abort.signal })).rejects.toThrow();
  expect(textOf(await client.callTool(toolCall('echo', { m: 'next' })))).toBe('next');
});

promise('P8', 'a server that dies while its question is open gives its error to the retry', async () => {
  const served = await serve('legacy-server.mjs');
  const params = toolCall('elicit');
  const { pid } = JSON.parse(textOf((await send(served, { params: toolCall('whoami') })).result));
  const asked = askedIn(await send(served, { params }));
  process.kill(pid, 'SIGKILL');
  const answer = await send(served, { params: retry(params, asked, () => accept('x')) });
  expect(answer.error).toMatchObject({ code: -32603, message: expect.stringContaining('before it answered') });
});

promise('P8', 'close does not wait for clients that owe an answer', async () => {
  const served = await serve('legacy-server.mjs');
  askedIn(await send(served, { params: toolCall('elicit') }));
  await served.gateway.close(600_000);
});

promise('P1', 'many clients with equal ids and tokens each get their own questions and results', async () => {
  const served = await serve('legacy-server.mjs', [], { instances: 4, waitingCalls: 64 });
  await served.gateway.ready;
  await Promise.all(
    Array.from({ length: 12 }, async (_, index) => {
      const mark = `secret ${index}`;
      const params = toolCall('rounds', { mark });
      const _meta = { progressToken: 0 };
      const principal = `p${index % 3}`;
      const first = askedIn(await send(served, { id: 0, params: { ...params, _meta }, principal }));
      expect(Object.values(first.inputRequests).map((one) => one.params?.['message'])).toEqual([`name ${mark}`]);
      const again = { ...retry(params, first, () => accept(`n${index}`)), _meta };
      const second = askedIn(await send(served, { id: 0, params: again, principal }));
      expect(Object.values(second.inputRequests).map((one) => one.params?.['message'])).toEqual([
        `colour of n${index}`,
      ]);
      const done = await send(served, { id: 0, params: retry(params, second, () => accept(`c${index}`)), principal });
      expect(textOf(done.result)).toBe(`${mark}: n${index} is c${index}`);
    }),
  );
});
