import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import type { RefusedError } from '../errors.ts';
import { catalogueDigest, readListedPage } from './canonical.ts';
import { createFrameCutter } from './event-frames.ts';
import { type FetchLike, guardListing, withCatalogue } from './guard.ts';
import { listRequestsIn } from './list-requests.ts';
import { createListing } from './listing.ts';
import { type PinnedCatalogue, pinCatalogue } from './pinned-catalogue.ts';

const URL_A = 'https://bank.example/mcp';
const ECHO = {
  name: 'echo',
  description: 'Says it again',
  inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
};
const PAY = { name: 'pay', description: 'Pays', inputSchema: { type: 'object' }, 'x-unknown': 1 };
const pinOf = (...tools: object[]): PinnedCatalogue => pinCatalogue(readListedPage({ tools: tools as never }).tools);
const listText = (tools: unknown, id: unknown = 1, more: object = {}): string =>
  JSON.stringify({ jsonrpc: '2.0', id, result: { tools, ...more } });
const LIST = '{"jsonrpc":"2.0","id":1,"method":"tools/list"}';
const CALL = '{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo"}}';
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

type Reply = Response | ((body: string) => Response);
const json = (text: string, init: ResponseInit = {}): Response =>
  new Response(text, { headers: { 'content-type': 'application/json' }, ...init });
const events = (...parts: Uint8Array[]): Response =>
  new Response(ReadableStream.from(parts), { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
const event = (text: string): Uint8Array<ArrayBuffer> => bytes(`event: message\ndata: ${text}\n\n`);

interface Guarded {
  readonly fetch: FetchLike;
  readonly errors: RefusedError[];
  readonly recorded: PinnedCatalogue[];
}

function guard(pinned: PinnedCatalogue | undefined, ...replies: Reply[]): Guarded {
  const errors: RefusedError[] = [];
  const recorded: PinnedCatalogue[] = [];
  const fetch = withCatalogue(
    async (_url, init) => {
      const next = replies.shift();
      if (next === undefined) throw new Error('no reply left');
      return typeof next === 'function' ? next(String(init?.body ?? '')) : next;
    },
    {
      pinned,
      record: async (catalogue) => void recorded.push(catalogue),
      onChange: (error) => errors.push(error),
    },
  );
  return { fetch, errors, recorded };
}

const post = async ({ fetch }: Guarded, body: string): Promise<string> =>
  (await fetch(URL_A, { method: 'POST', body })).text();

describe('the pinned catalogue', () => {
  promise('P3', 'lets the same list through byte for byte, in whatever order and white space it comes', async () => {
    const text = ` ${JSON.stringify({ result: { tools: [PAY, ECHO] }, id: 1, jsonrpc: '2.0' }, null, 3)}\n`;
    const guarded = guard(pinOf(ECHO, PAY), json(text, { status: 200, headers: { 'mcp-session-id': 's' } }));
    const response = await guarded.fetch(URL_A, { method: 'POST', body: LIST });
    expect(response.headers.get('mcp-session-id')).toBe('s');
    expect(await response.text()).toBe(text);
    expect(guarded.errors).toEqual([]);
  });

  const changes: Readonly<Record<string, readonly [readonly object[], RegExp]>> = {
    'a changed description': [[{ ...ECHO, description: 'Says it to me' }, PAY], /description/],
    'an added tool': [[ECHO, PAY, { ...ECHO, name: 'steal' }], /"steal" is new/],
    'a removed tool': [[ECHO], /"pay" is gone/],
    'a renamed tool': [[ECHO, { ...PAY, name: 'pay2' }], /"pay2" is new/],
    'a changed schema': [
      [{ ...ECHO, inputSchema: { type: 'object', properties: { text: { type: 'number' } } } }, PAY],
      /inputSchema\.properties\.text\.type: "number"/,
    ],
    'a changed member that no schema knows': [[ECHO, { ...PAY, 'x-unknown': 2 }], /x-unknown: 2/],
    'an added annotation': [[{ ...ECHO, annotations: { readOnlyHint: true } }, PAY], /annotations/],
    'a hidden character': [[{ ...ECHO, description: 'Says it\u{e0041} again' }, PAY], /\ufffd/],
    'no tools at all': [[], /"echo" is gone/],
  };
  for (const [name, [tools, line]] of Object.entries(changes)) {
    for (const [form, reply] of [
      ['JSON', () => json(listText(tools))],
      ['an event', () => events(event(listText(tools)))],
      ['text of another type', () => new Response(listText(tools), { headers: { 'content-type': 'text/plain' } })],
      ['an error status', () => json(listText(tools), { status: 500 })],
    ] as const) {
      promise('P3', `refuses ${name}, as ${form}`, async () => {
        const guarded = guard(pinOf(ECHO, PAY), reply());
        await expect(post(guarded, LIST)).rejects.toMatchObject({ check: 'pin.catalogue' });
        expect(guarded.errors).toHaveLength(1);
        expect(guarded.errors[0]?.details.join('\n')).toMatch(line);
        expect(guarded.errors[0]?.message).not.toContain('\n');
        expect(guarded.recorded).toEqual([]);
      });
    }
  }

  const smuggled: Readonly<Record<string, string>> = {
    'with a duplicate member': `{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":${JSON.stringify([ECHO, PAY])}}}`,
    'with the id as text': listText([ECHO], '1'),
    'with an id of its own': listText([ECHO], 99),
    'without an id': '{"jsonrpc":"2.0","result":{"tools":[]}}',
    'in a batch': `[${listText([ECHO])}]`,
    'with a number that is not exact': listText([ECHO, PAY]).replace('"x-unknown":1', '"x-unknown":9007199254740993'),
    'with a tool that has no name': listText([ECHO, PAY, {}]),
    'with no list': '{"jsonrpc":"2.0","id":1,"result":{}}',
    'with a result that is null': '{"jsonrpc":"2.0","id":1,"result":null}',
    'with one name for two tools': listText([ECHO, PAY, { ...PAY, description: 'x' }]),
  };
  for (const [name, text] of Object.entries(smuggled)) {
    promise('P3', `refuses a list ${name}`, async () => {
      const whole = guard(pinOf(ECHO, PAY), json(text));
      await expect(post(whole, LIST)).rejects.toMatchObject({ check: 'pin.catalogue' });
      const streamed = guard(pinOf(ECHO, PAY), events(event(text)));
      await expect(post(streamed, LIST)).rejects.toMatchObject({ check: 'pin.catalogue' });
    });
  }

  promise('P3', 'is held against an answer that comes on a stream opened before', async () => {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const writer = writable.getWriter();
    const listen = new Response(readable, { headers: { 'content-type': 'text/event-stream' } });
    const guarded = guard(pinOf(ECHO), listen, new Response(null, { status: 202 }));
    const stream = (await guarded.fetch(URL_A, { method: 'GET' })).body?.getReader();
    // The first half of the event is there before the request is.
    const text = event(listText([PAY]));
    const reading = stream?.read();
    reading?.catch(() => undefined);
    await writer.write(text.subarray(0, text.length - 1));
    await guarded.fetch(URL_A, { method: 'POST', body: LIST });
    writer.write(text.subarray(text.length - 1)).catch(() => undefined);
    await expect(reading).rejects.toMatchObject({ check: 'pin.catalogue' });
  });

  promise('P3', 'is held against an answer in the reply to another request', async () => {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const call = new Response(readable, { headers: { 'content-type': 'application/json' } });
    const guarded = guard(pinOf(ECHO), call, new Response(null, { status: 202 }));
    const reading = post(guarded, CALL);
    reading.catch(() => undefined);
    await guarded.fetch(URL_A, { method: 'POST', body: LIST });
    const writer = writable.getWriter();
    writer.write(bytes(listText([PAY]))).catch(() => undefined);
    writer.close().catch(() => undefined);
    await expect(reading).rejects.toMatchObject({ check: 'pin.catalogue' });
  });

  const decoys: Readonly<Record<string, string>> = {
    'an equal list under another id': listText([ECHO], 99),
    'an equal list under an id that only reads the same': listText([ECHO], '1'),
    'an error under an id that only reads the same': '{"jsonrpc":"2.0","id":"1.0","error":{"code":1,"message":""}}',
    'a request of its own with that id': '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    'nothing but the id': '{"jsonrpc":"2.0","id":1}',
    'an equal list under that id': listText([ECHO]),
    'an error under that id': '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":""}}',
  };
  for (const [name, decoy] of Object.entries(decoys)) {
    promise('P3', `refuses a changed list behind ${name}`, async () => {
      const streamed = guard(pinOf(ECHO), events(event(decoy), event(listText([PAY]))));
      await expect(post(streamed, LIST)).rejects.toMatchObject({ check: 'pin.catalogue' });
      const batch = guard(pinOf(ECHO), json(`[${decoy},${listText([PAY])}]`));
      await expect(post(batch, LIST)).rejects.toMatchObject({ check: 'pin.catalogue' });
    });
  }

  for (const [name, first] of [
    ['nothing', () => new Response('', { status: 202 })],
    ['another message', () => json('{"jsonrpc":"2.0","method":"notifications/message"}')],
    ['a stream that ends', () => events(bytes('id: 1\ndata:\n\n'))],
  ] as const) {
    promise('P3', `refuses a changed list on another stream, behind ${name}`, async () => {
      const guarded = guard(pinOf(ECHO), first(), events(event(listText([]))));
      const left = new AbortController();
      const { body } = await guarded.fetch(URL_A, { method: 'POST', body: LIST, signal: left.signal });
      await new Response(body).text();
      // As from a client of the local proxy, whose connection is over with the reply.
      left.abort();
      const resumed = await guarded.fetch(URL_A, { method: 'GET' });
      await expect(resumed.text()).rejects.toMatchObject({ check: 'pin.catalogue' });
    });
  }

  promise('P3', 'refuses tools that come before they were asked for', async () => {
    for (const text of [listText([PAY], 7), listText([PAY], 7).replace('"tools"', '"to\\u006Fls"')]) {
      const guarded = guard(pinOf(ECHO), events(event(text)));
      const early = await guarded.fetch(URL_A, { method: 'GET' });
      await expect(early.text()).rejects.toMatchObject({ check: 'pin.catalogue' });
    }
  });

  const elsewhere: Readonly<Record<string, () => Response>> = {
    'numbers that only some readers know': () => json(listText([PAY], 1).replace('"x-unknown":1', '"x-unknown":NaN')),
    'such numbers in an event': () => events(event(listText([PAY], 1).replace('"x-unknown":1', '"x-unknown":NaN'))),
    'a byte order mark in an event': () => events(event(`\ufeff${listText([PAY])}`)),
    'a type that some read as a stream': () =>
      new Response(event(listText([PAY])), { headers: { 'content-type': 'text/event-stream, x' } }),
    'a stream under the type of another': () => json(Buffer.from(event(listText([PAY]))).toString()),
    'another encoding': () => new Response(Buffer.from(listText([PAY]), 'utf16le')),
    'the name of another encoding': () =>
      new Response(event('x'), { headers: { 'content-type': 'text/event-stream; Charset="utf-7"' } }),
    'a method beside the result': () => json(listText([PAY]).replace('{', '{"method":null,')),
  };
  for (const [name, reply] of Object.entries(elsewhere)) {
    promise('P3', `refuses a changed list with ${name}`, async () => {
      const guarded = guard(pinOf(ECHO), reply());
      await expect(post(guarded, LIST)).rejects.toMatchObject({ check: 'pin.catalogue' });
      expect(guarded.errors).toHaveLength(1);
    });
  }

  test('an error in place of a list is passed on', async () => {
    const text = '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no tools"}}';
    expect(await post(guard(pinOf(ECHO), json(text)), LIST)).toBe(text);
    const html = '<h1>502</h1>';
    expect(await post(guard(pinOf(ECHO), json(html, { status: 502 })), LIST)).toBe(html);
  });
});

describe('a first contact', () => {
  promise('P3', 'records all pages together, once, and holds later lists against them', async () => {
    const next = '{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"cursor":"c"}}';
    const guarded = guard(
      undefined,
      json(listText([ECHO], 1, { nextCursor: 'c' })),
      json(listText([PAY], 2)),
      json(listText([ECHO, PAY])),
      json(listText([ECHO])),
    );
    await post(guarded, LIST);
    expect(guarded.recorded).toEqual([]);
    await post(guarded, next);
    expect(guarded.recorded).toEqual([pinOf(ECHO, PAY)]);
    await post(guarded, LIST);
    await expect(post(guarded, LIST)).rejects.toMatchObject({ check: 'pin.catalogue' });
    expect(guarded.recorded).toHaveLength(1);
  });

  promise('P3', 'is one for all clients: pages that several asked for are one listing', async () => {
    const recorded: PinnedCatalogue[] = [];
    let unfinished = 0;
    const count = (): void => {
      unfinished++;
    };
    const listing = createListing(undefined, async (catalogue) => void recorded.push(catalogue), count);
    const client = (text: string): FetchLike => guardListing(async () => json(text), listing);
    const ask = async (fetch: FetchLike, body: string): Promise<string> =>
      (await fetch(URL_A, { method: 'POST', body })).text();
    await ask(client(listText([ECHO], 1, { nextCursor: 'c' })), LIST);
    await ask(client(listText([PAY])), '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"c"}}');
    expect(recorded).toEqual([pinOf(ECHO, PAY)]);
    expect(unfinished).toBe(1);
    await expect(ask(client(listText([ECHO])), LIST)).rejects.toMatchObject({ check: 'pin.catalogue' });
  });

  promise('P3', 'refuses a tool that changes before the last page has come', async () => {
    const first = listText([ECHO], 1, { nextCursor: 'c' });
    const guarded = guard(undefined, json(first), json(first), json(first.replace('again', 'to me')));
    await post(guarded, LIST);
    await post(guarded, LIST);
    await expect(post(guarded, LIST)).rejects.toMatchObject({ check: 'pin.catalogue' });
  });

  promise('P3', 'refuses a listing without an end', async () => {
    const tools = Array.from({ length: 2_000 }, (_, index) => ({ name: `tool ${index}` }));
    const page = (number: number): object[] => tools.map(({ name }) => ({ name: `${name} of ${number}` }));
    const replies = [1, 2, 3, 4, 5, 6].map((number) =>
      json(listText(page(number), 1, { nextCursor: `${number + 1}` })),
    );
    const guarded = guard(undefined, ...replies);
    const ask = (cursor: number): Promise<string> =>
      post(guarded, `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"${cursor}"}}`);
    for (const cursor of [1, 2, 3, 4, 5]) await ask(cursor);
    await expect(ask(6)).rejects.toMatchObject({ check: 'pin.catalogue' });
  });

  promise('P3', 'records nothing from a page in the middle', async () => {
    const guarded = guard(undefined, json(listText([PAY])));
    await post(guarded, '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"c"}}');
    expect(guarded.recorded).toEqual([]);
  });

  promise('P3', 'that cannot be recorded is not passed on', async () => {
    const failing = withCatalogue(async () => json(listText([ECHO])), {
      pinned: undefined,
      record: async () => {
        throw new Error('disk full');
      },
      onChange: () => undefined,
    });
    await expect(failing(URL_A, { method: 'POST', body: LIST }).then((one) => one.text())).rejects.toThrow('disk full');
  });
});

describe('other traffic', () => {
  const pinned = pinOf(ECHO);
  test('passes byte for byte, also what only looks like a list', async () => {
    const named = listText([{ name: 'pay' }], 2);
    for (const text of [listText([ECHO], 2), named, '{"a":1,"a":2}', 'no JSON', '', '{"n":9007199254740993}']) {
      expect(await post(guard(pinned, json(text)), CALL)).toBe(text);
    }
    const guarded = guard(pinned, new Response(null, { status: 202 }));
    expect((await guarded.fetch(URL_A, { method: 'POST', body: CALL })).status).toBe(202);
  });

  test('an event is passed on before the next one is there', async () => {
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const writer = writable.getWriter();
    const reply = new Response(readable, { headers: { 'content-type': 'text/event-stream' } });
    const reader = (await guard(pinned, reply).fetch(URL_A, { method: 'POST', body: LIST })).body?.getReader();
    const progress = event('{"jsonrpc":"2.0","method":"notifications/progress"}');
    void writer.write(progress);
    expect(Buffer.from((await reader?.read())?.value ?? [])).toEqual(Buffer.from(progress));
    void writer.write(event(listText([PAY])));
    await expect(reader?.read()).rejects.toMatchObject({ check: 'pin.catalogue' });
  });

  test('a reader that stops early stops the original, and what fails fails the same', async () => {
    let stopped: unknown;
    const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
      cancel(reason) {
        stopped = reason;
      },
    });
    const reply = new Response(endless, { headers: { 'content-type': 'text/event-stream' } });
    await (await guard(pinned, reply).fetch(URL_A, { method: 'GET' })).body?.cancel('enough');
    expect(stopped).toBe('enough');
    const broken = new ReadableStream<Uint8Array<ArrayBuffer>>({ pull: () => Promise.reject(new Error('reset')) });
    await expect(post(guard(pinned, new Response(broken)), CALL)).rejects.toThrow('reset');
  });

  test('a request that cannot be read is not sent', async () => {
    const stream = { method: 'POST', body: new Blob(['{}']) };
    await expect(guard(pinned).fetch(URL_A, stream)).rejects.toMatchObject({ code: 'catalogue.body' });
  });

  test('is not looked at once a list that broke off was asked for again', async () => {
    const broken = new ReadableStream<Uint8Array<ArrayBuffer>>({ pull: () => Promise.reject(new Error('reset')) });
    const other = listText([], 2);
    const guarded = guard(pinned, new Response(broken), json(listText([ECHO])), json(other));
    await expect(post(guarded, LIST)).rejects.toThrow('reset');
    await post(guarded, LIST);
    expect(await post(guarded, CALL)).toBe(other);
  });

  test('is not taken for a list once the request for one has failed', async () => {
    const guarded = guard(pinned, new Response(null, { status: 404 }), json(listText([])));
    await guarded.fetch(URL_A, { method: 'POST', body: LIST });
    expect(await post(guarded, CALL)).toBe(listText([]));
  });
});

test('requests are found however they are escaped, and only they', () => {
  for (const method of [
    'tools/list',
    'tools\\/list',
    '\\u0074ools/list',
    'tools\\u002Flist',
    'tools\\u002flis\\u0074',
    'too\\u006Cs/list',
  ]) {
    expect(listRequestsIn(`{"id":"a","method":"${method}","params":{"cursor":"c"}}`)).toEqual([
      { id: 'a', cursor: 'c' },
    ]);
  }
  expect(listRequestsIn(`[${LIST},${CALL}]`)).toHaveLength(1);
  for (const text of [
    CALL,
    '',
    'tools/list',
    '"tools/list"',
    '{"id":1,"method":"tools/call","params":{"a":"tools/list"}}',
  ]) {
    expect(listRequestsIn(text)).toEqual([]);
  }
});

const streamText = fc
  .array(fc.constantFrom('\n', '\r', '\r\n', 'data: a', 'data:b', ': c', 'id: 1', 'x', 'é', '\n\n', '\r\r', '\r\n\r\n'))
  .map((parts) => parts.join(''));
const cuts = fc.array(fc.nat(200), { maxLength: 20 });

/** Cuts `all` at the given places. */
function chunked(all: Uint8Array<ArrayBuffer>, places: readonly number[]): Uint8Array<ArrayBuffer>[] {
  const at = [...new Set([0, ...places.filter((place) => place < all.length), all.length])].sort((a, b) => a - b);
  return at.slice(1).map((end, index) => all.subarray(at[index], end));
}

test('frames: however a stream is cut, the bytes are the same, and so are the places of the frames', () => {
  const frames = (chunks: readonly Uint8Array[]): string[] => {
    const cutter = createFrameCutter();
    const found = chunks.flatMap((chunk) => cutter.push(chunk).map((frame) => Buffer.concat(frame).toString()));
    return [...found, Buffer.concat(cutter.rest()).toString()];
  };
  fc.assert(
    fc.property(streamText, cuts, (text, places) => {
      const cut = frames(chunked(bytes(text), places));
      expect(cut.join('')).toBe(text);
      // Every frame but the rest ends an event, and none has an event's end inside.
      const plain = (one: string): string => one.replaceAll('\r\n', '\n').replaceAll('\r', '\n').replace(/^\n+/, '');
      for (const one of cut) expect(plain(one).replace(/\n+$/, '')).not.toContain('\n\n');
      const whole = frames([bytes(text)]);
      expect(cut.map((one) => plain(one)).filter((one) => one !== '')).toEqual(
        whole.map((one) => plain(one)).filter((one) => one !== ''),
      );
    }),
  );
});

promise('P3', 'however its stream is cut, a changed list is refused and an equal one passes unchanged', async () => {
  await fc.assert(
    fc.asyncProperty(cuts, fc.constantFrom('\n', '\r', '\r\n'), fc.boolean(), async (places, eol, same) => {
      const other = '{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"é"}}';
      const list = listText(same ? [ECHO, PAY] : [ECHO, { ...PAY, description: 'Pays me' }]);
      const text = [`: hi${eol}${eol}`, `data: ${other}${eol}${eol}`, `id: 7${eol}data: ${list}${eol}${eol}`].join('');
      const guarded = guard(pinOf(ECHO, PAY), events(...chunked(bytes(text), places)));
      const answer = post(guarded, LIST);
      if (same) expect(await answer).toBe(text);
      else await expect(answer).rejects.toMatchObject({ check: 'pin.catalogue' });
    }),
    { numRuns: 60 },
  );
});

const anyTool = fc.record({
  name: fc.string({ unit: 'grapheme', minLength: 1 }),
  description: fc.string({ unit: 'grapheme' }),
  inputSchema: fc.dictionary(
    fc.string(),
    fc.jsonValue().filter((one) => !Object.is(one, -0)),
  ),
});

promise('P3', 'the digest is that of the content, whatever the order, and any change changes it', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyTool, { selector: ({ name }) => name, minLength: 1 }), (tools) => {
      const clean = JSON.parse(JSON.stringify(tools)) as object[];
      const pinned = pinOf(...clean);
      expect(pinOf(...clean.toReversed()).digest).toBe(pinned.digest);
      const turned = clean.map((tool) => Object.fromEntries(Object.entries(tool).reverse()));
      expect(pinOf(...turned).digest).toBe(pinned.digest);
      const [first, ...others] = clean;
      expect(pinOf({ ...first, description: `${JSON.stringify(first)}!` }, ...others).digest).not.toBe(pinned.digest);
      expect(pinOf(...others).digest).not.toBe(pinned.digest);
    }),
  );
  expect(catalogueDigest([])).not.toBe(catalogueDigest([['', '']]));
});
