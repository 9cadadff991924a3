import type { AttestationResult, Check } from '@vitrine/verifier';
import { expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { transcript } from './transcript.ts';

const plain = { style: (_: unknown, text: string) => text, width: 100 };
const passed = (id: string): Check => ({ id, status: 'passed', anchor: 'intel-sgx-root', message: `${id} is fine.` });
const checks: readonly Check[] = [
  'tdx.pck-chain',
  'tdx.tcb-status',
  'workload.reference',
  'workload.code',
  'workload.manifest',
  'binding.boot',
  'channel.live',
].map(passed);
const waived: Check = { id: 'provenance.source', status: 'waived', message: 'Not asked.' };
const result: AttestationResult = {
  type: 'vitrine/attestation-result/v1',
  verdict: 'verified',
  decidedBy: null,
  scope: 'live',
  checks: [...checks, waived],
  claims: {
    technology: 'tdx',
    anchor: 'intel-sgx-root',
    tcbStatus: 'UpToDate',
    platform: {},
    registers: {},
    reportData: '',
    tlsSpki: 'ab'.repeat(32),
  },
  unverified: {},
  limits: ['Nothing is perfect.'],
  digests: { evidence: '', policy: '', endorsements: null, referenceValues: null, eventLog: null },
  time: '2026-01-01T00:00:00.000Z',
};
const failing = (id: string, status: 'failed' | 'unavailable'): AttestationResult => ({
  ...result,
  verdict: status === 'failed' ? 'rejected' : 'undetermined',
  decidedBy: id,
  checks: result.checks.map((check) =>
    check.id === id ? { ...check, status, expected: 'this', actual: 'that', message: 'It is not so.' } : check,
  ),
});
const show = (shown: AttestationResult): string => transcript(shown, 'https://bank.example/mcp', 'default', plain);
const answer = (text: string, question: string): string =>
  text.split('\n').find((line) => line.includes(question)) ?? '';

promise(
  'P7',
  'a verified transcript answers five questions, lists every check, says what is not proven, and ends in the verdict',
  () => {
    const text = show(result);
    for (const question of ['Genuine hardware?', 'Exact code?', 'Exact configuration?', 'Keys made inside?'])
      expect(answer(text, question)).toMatch(/✓/);
    expect(answer(text, 'Source?')).toMatch(/– Source\? +not asked/);
    for (const { id } of result.checks) expect(text).toContain(id);
    expect(text).toContain('Not proven\n  · Nothing is perfect.');
    expect(text.trimEnd().split('\n').at(-1)).toBe('verified');
  },
);

for (const [id, question] of [
  ['tdx.tcb-status', 'Genuine hardware?'],
  ['workload.reference', 'Exact code?'],
  ['workload.code', 'Exact code?'],
  ['workload.manifest', 'Exact configuration?'],
  ['binding.boot', 'Keys made inside?'],
  ['channel.live', 'Keys made inside?'],
] as const) {
  promise('P7', `a failed ${id} makes the answer to "${question}" a no, with expected and found`, () => {
    const text = show(failing(id, 'failed'));
    expect(answer(text, question)).toMatch(new RegExp(`✗ .*no: It is not so\\. \\(${id.replace('.', '\\.')}\\)`));
    expect(text).toContain('expected this');
    expect(text).toContain('found    that');
    expect(text.trimEnd().split('\n').at(-1)).toBe(`not verified: ${id}: It is not so.`);
  });

  promise('P7', `an unavailable ${id} is never shown as a yes`, () => {
    expect(answer(show(failing(id, 'unavailable')), question)).toMatch(/\? .*not known/);
  });
}

promise('P7', 'a simulated verdict says no to genuine hardware', () => {
  const text = show({ ...result, verdict: 'simulated' });
  expect(answer(text, 'Genuine hardware?')).toMatch(/– Genuine hardware\? +no: a simulator/);
  expect(text).not.toMatch(/\bverified\b/);
});

promise('P7', 'a transcript shows control characters of a server as harmless signs', () => {
  expect(show({ ...result, limits: ['\u001b[1mverified\u001b[0m'] })).not.toContain('\u001b');
});

promise('P7', 'a simulator never reads as hardware, whatever decides the verdict', () => {
  const simulated = {
    ...result,
    claims: { ...result.claims, anchor: 'simulator' } as NonNullable<AttestationResult['claims']>,
  };
  for (const verdict of ['undetermined', 'rejected', 'simulated'] as const) {
    const line = answer(show({ ...simulated, verdict, decidedBy: 'workload.reference' }), 'Genuine hardware?');
    expect(line).toMatch(/– Genuine hardware\? +no: a simulator/);
  }
});

promise('P7', 'checks that were not reached for the same reason stand together, and all are named', () => {
  const unreached = (id: string, message: string): Check => ({ id, status: 'unavailable', message });
  const failed: Check = { id: 'tdx.pck-chain', status: 'failed', message: 'It is not so.' };
  const text = show({
    ...result,
    verdict: 'rejected',
    decidedBy: failed.id,
    checks: [
      failed,
      unreached('tdx.tcb-status', 'Not evaluated: no chain.'),
      unreached('tdx.revocation', 'Not evaluated: no chain.'),
      unreached('workload.code', 'Not evaluated: no hardware.'),
    ],
  });
  expect(text).toContain('  ? Not evaluated: no chain.\n    tdx.tcb-status, tdx.revocation\n');
  expect(text).toMatch(/ {2}\? workload\.code +Not evaluated: no hardware\./);
});

promise('P7', 'what passed is never put together with what was not reached', () => {
  const message = 'The same words.';
  const text = show({
    ...result,
    checks: [
      { id: 'tdx.format', status: 'passed', message },
      { id: 'tdx.debug', status: 'unavailable', message },
      { id: 'tdx.xfam', status: 'passed', message },
    ],
  });
  expect(text).toMatch(/✓ tdx\.format .*\n {2}\? tdx\.debug .*\n {2}✓ tdx\.xfam /);
});

promise('P7', 'no line but the verdict is wider than the terminal, whatever a server says', () => {
  const long = 'word '.repeat(60).trim();
  const narrow = { ...plain, width: 80 };
  const refused = failing('tdx.tcb-status', 'failed');
  const checks = refused.checks.map((check) => ({ ...check, message: long, expected: long, actual: long }));
  const lines = transcript({ ...refused, checks, limits: [long] }, 'https://bank.example/mcp', long, narrow)
    .trimEnd()
    .split('\n');
  for (const line of lines.slice(0, -1)) expect(line.length).toBeLessThanOrEqual(80);
});
