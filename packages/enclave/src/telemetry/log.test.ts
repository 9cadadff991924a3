import fc from 'fast-check';
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { createLog, type EventFields, type EventName, type Log } from './log.ts';

function logOf(key = new Uint8Array(32)): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: createLog({ write: (line) => lines.push(line), now: () => new Date(0), key }), lines };
}

const REQUEST = { era: '2026-07-28', method: 'tools-call', status: 200, latencyMs: 3, principal: 'alice' } as const;

test('a line is one JSON object with time, level, event and the fields of the event', () => {
  const { log, lines } = logOf();
  log.write('info', 'request.done', REQUEST);
  expect(lines[0]).toMatch(/^[^\n]*\n$/);
  expect(JSON.parse(lines[0] ?? '')).toEqual({
    time: '1970-01-01T00:00:00.000Z',
    level: 'info',
    event: 'request.done',
    era: '2026-07-28',
    method: 'tools-call',
    status: 200,
    latencyMs: '<=5',
    principal: expect.stringMatching(/^[0-9a-f]{12}$/),
  });
});

promise('P1', 'a field that is not allowed for an event is not logged', () => {
  const { log, lines } = logOf();
  const more = { ...REQUEST, arguments: 'CANARY', tool: 'CANARY' } as EventFields<'request.done'>;
  log.write('info', 'request.done', more);
  log.write('info', 'evidence.asked', { status: 200, principal: 'CANARY' } as EventFields<'evidence.asked'>);
  expect(lines.join('')).not.toContain('CANARY');
  expect(JSON.parse(lines[1] ?? '')).not.toHaveProperty('principal');
});

promise('P1', 'a word that is not in its list, and a status that is none, are left out', () => {
  const { log, lines } = logOf();
  log.write('info', 'request.done', { era: 'CANARY', method: 'CANARY', status: 'CANARY' });
  log.write('info', 'auth.refused', { reason: 'CANARY' });
  log.write('info', 'request.done', { status: 99.5 });
  for (const line of lines) expect(Object.keys(JSON.parse(line) as object)).toEqual(['time', 'level', 'event']);
});

promise('P1', 'an identifier is hashed with a key of this boot', () => {
  const [one, again, other] = [logOf(), logOf(), logOf(new Uint8Array(32).fill(1))];
  for (const { log } of [one, again, other]) log.write('info', 'request.done', { principal: 'alice' });
  expect(one.lines).toEqual(again.lines);
  expect(one.lines).not.toEqual(other.lines);
  expect(one.lines[0]).not.toContain('alice');
});

promise('P1', 'whatever is given to the log, no text of it is logged', () => {
  const events: readonly EventName[] = [
    'enclave.state',
    'request.done',
    'auth.refused',
    'rate.refused',
    'server.ended',
  ];
  const names = ['state', 'era', 'method', 'status', 'latencyMs', 'principal', 'reason', 'by', 'how', 'x'];
  const canary = fc.string({ minLength: 3 }).map((text) => `CANARY${text}`);
  fc.assert(
    fc.property(fc.constantFrom(...events), fc.dictionary(fc.constantFrom(...names), canary), (event, fields) => {
      const { log, lines } = logOf();
      log.write('info', event, fields as EventFields<typeof event>);
      expect(lines.join('')).not.toContain('CANARY');
    }),
  );
});
