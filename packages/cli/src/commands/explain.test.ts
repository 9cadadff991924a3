import { HANDOVER_CHECKS } from '@vitrine/keys/client';
import { CHECKS } from '@vitrine/verifier/checks';
import { expect, test } from 'vitest';
import { freshPlace } from '../testing/in-process.ts';

test('every check of evidence and of hand-overs is explained, by its name, its family and in the list', async () => {
  const { run } = freshPlace();
  const { stdout: all } = await run('explain');
  for (const { id } of [...CHECKS, ...HANDOVER_CHECKS]) expect(all).toContain(`${id} `);
  const json = JSON.parse((await run('explain', 'handover', '--json')).stdout) as {
    readonly checks: readonly unknown[];
  };
  expect(json.checks).toEqual(HANDOVER_CHECKS);
  for (const { id, attack } of HANDOVER_CHECKS) {
    const { code, stdout } = await run('explain', id);
    expect([code, stdout.split('\n')[0]]).toEqual([0, id]);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`Without it ${attack}`);
  }
});

test('of a hand-over it says who makes the check, and of evidence nothing', async () => {
  const { run } = freshPlace();
  for (const [id, who] of [
    ['handover.tcb', 'the enclave that gives its root of keys'],
    ['handover.envelope', 'the enclave that gets a root of keys'],
    ['handover.fresh', 'both enclaves, each of the other'],
  ] as const) {
    expect((await run('explain', id)).stdout).toContain(`  Made by        ${who}\n`);
  }
  expect((await run('explain', 'workload.code')).stdout).not.toContain('Made by');
});

for (const [given, says] of [
  ['handover.tbc', 'did you mean "handover.tcb"?'],
  ['handover.', '"handover."'],
  ['hand', '"hand"'],
  ['nothing-like-it', '`vitrine explain` lists all'],
] as const) {
  test(`${given} is no check`, async () => {
    const { code, stdout, stderr } = await freshPlace().run('explain', given);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
  });
}
