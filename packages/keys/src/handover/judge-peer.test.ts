/** Which results of a verification let a hand-over go on. */
import type { AttestationResult, Check, Claims, Verdict } from '@vitrine/verifier';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { anchorsOf, requireGood } from './judge-peer.ts';

function result(verdict: Verdict, anchor?: string, failed?: string): AttestationResult {
  const checks: Check[] = failed === undefined ? [] : [{ id: failed, status: 'failed', message: 'No.' }];
  const claims: Claims | undefined =
    anchor === undefined ? undefined : { technology: 'tdx', anchor, platform: {}, registers: {}, reportData: '' };
  return {
    type: 'vitrine/attestation-result/v1',
    verdict,
    decidedBy: failed ?? null,
    scope: 'recorded',
    checks,
    ...(claims === undefined ? {} : { claims }),
    unverified: {},
    limits: [],
    digests: { evidence: '', policy: '', endorsements: null, referenceValues: null, eventLog: null },
    time: '',
  };
}

const rows: readonly [what: string, found: AttestationResult, isSimulated: boolean, code: string | undefined][] = [
  ['hardware to hardware', result('verified', 'intel-sgx-root'), false, undefined],
  ['a simulator to itself', result('simulated', 'simulator'), true, undefined],
  ['hardware to a simulator', result('verified', 'intel-sgx-root'), true, 'handover.simulated'],
  ['a simulator to hardware', result('simulated', 'simulator'), false, 'handover.simulated'],
  ['another simulator to hardware', result('simulated', undefined, 'tdx.pck-chain'), false, 'handover.simulated'],
  ['another simulator to a simulator', result('simulated', undefined, 'tdx.pck-chain'), true, 'handover.simulated'],
  ['rejected hardware', result('rejected', 'intel-sgx-root', 'tdx.debug'), false, 'handover.evidence'],
  ['rejected evidence without an anchor', result('rejected'), false, 'handover.evidence'],
  ['a rejected simulator', result('rejected', 'simulator', 'tdx.debug'), true, 'handover.evidence'],
  ['a rejected binding', result('rejected', 'simulator', 'binding.boot'), true, 'handover.binding'],
  ['a rejected manifest', result('rejected', 'simulator', 'workload.manifest'), true, 'handover.binding'],
  ['an undetermined result', result('undetermined', 'intel-sgx-root', 'tdx.tcb-info'), false, 'handover.endorsements'],
];
for (const [what, found, isSimulated, code] of rows) {
  promise('P7', `${what}: ${code ?? 'goes on'}`, () => {
    const judge = (): void => requireGood(found, 'giver', isSimulated);
    if (code === undefined) expect(judge).not.toThrow();
    else expect(judge).toThrow(expect.objectContaining({ code }));
  });
}

promise('P7', 'hardware has no simulator’s root, whoever names one', () => {
  const anchor = { name: 'simulator', publicKey: new Uint8Array(64), simulator: true };
  expect(anchorsOf({ isSimulated: false, simulatorAnchors: [anchor] })).toEqual([]);
  expect(anchorsOf({ isSimulated: true })).toEqual([]);
  expect(anchorsOf({ isSimulated: true, simulatorAnchors: [anchor] })).toEqual([anchor]);
});
