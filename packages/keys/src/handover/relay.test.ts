/** What a relay makes of answers, whoever wrote them. */
import { expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type RelayResponse, type RelaySend, relayHandover } from './relay.ts';

const URL_OF_GIVER = 'https://giver.example:8443/mcp';
const answering =
  (status: number, body: string): RelaySend =>
  async () => ({ status, body });
const error = (code: string, message = 'why'): string => JSON.stringify({ type: 'vitrine/error/v1', code, message });

test('a message goes to the origin’s own path, and the answer comes back as it is', async () => {
  const sent: string[] = [];
  const send: RelaySend = async (url, body): Promise<RelayResponse> => {
    sent.push(url.href, body);
    return { status: 200, body: '{"a": 1}' };
  };
  expect(await relayHandover(URL_OF_GIVER, send)('{}')).toEqual({ answer: '{"a": 1}' });
  expect(sent).toEqual(['https://giver.example:8443/.well-known/vitrine/handover', '{}']);
});

const failures: readonly [what: string, response: RelayResponse, code: string][] = [
  ['a refusal has its own code', { status: 403, body: error('handover.number') }, 'handover.number'],
  ['no time', { status: 503, body: error('busy') }, 'busy'],
  ['no endorsements', { status: 503, body: error('handover.endorsements') }, 'busy'],
  ['no such path', { status: 404, body: error('request.path') }, 'handover.not-offered'],
  ['a page', { status: 200 + 302, body: '<html>' }, 'handover.unreachable'],
  ['an error of somebody else', { status: 400, body: '{"error":"x"}' }, 'handover.unreachable'],
  ['a code that is none', { status: 400, body: error('Not A Code') }, 'handover.unreachable'],
];
for (const [what, { status, body }, code] of failures) {
  test(`${what}: ${code}`, async () => {
    await expect(relayHandover(URL_OF_GIVER, answering(status, body))('{}')).rejects.toMatchObject({ code });
  });
}

test('an answer that does not come', async () => {
  const send: RelaySend = () => Promise.reject(new Error('refused'));
  await expect(relayHandover(URL_OF_GIVER, send)('{}')).rejects.toMatchObject({ code: 'handover.unreachable' });
});

promise('P7', 'what somebody writes into a refusal cannot move a terminal’s cursor or go on for ever', async () => {
  const send = answering(400, error('handover.evidence', `\u001b[2J\n${'x'.repeat(9999)}`));
  const failure = await relayHandover(URL_OF_GIVER, send)('{}').catch((cause: Error) => cause.message);
  expect(failure).toMatch(/^https:\/\/giver\.example:8443 says: \?\[2J\?x{1,400}$/);
});

for (const url of ['http://giver.example', 'giver.example', 'https://user:pass@giver.example', 'file:///etc/passwd']) {
  test(`${url} is no giver`, () => {
    expect(() => relayHandover(url, answering(200, ''))).toThrow(expect.objectContaining({ code: 'handover.url' }));
  });
}

test('endorsements are fetched for the evidence in an answer, and do without where that fails', async () => {
  const endorsements = { type: 'vitrine/endorsements/v1' } as const;
  const asked: string[] = [];
  const relay = (body: string, fails = false) =>
    relayHandover(URL_OF_GIVER, answering(200, body), {
      endorsementsFor: async (evidence) => {
        asked.push(evidence);
        if (fails) throw new Error('no network');
        return endorsements;
      },
    })('{}');
  const grant = '{"evidence":"bundle"}';
  expect(await relay(grant)).toEqual({ answer: grant, endorsements });
  expect(await relay(grant, true)).toEqual({ answer: grant });
  for (const body of ['{}', 'x', '[]', '{"evidence":1}']) expect(await relay(body)).toEqual({ answer: body });
  expect(asked).toEqual(['bundle', 'bundle']);
});
