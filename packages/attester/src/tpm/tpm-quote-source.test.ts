/** Quotes of a real TPM in software, judged by the verifier. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { toHex } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { readSpki } from '../../../verifier/src/tpm/attestation-key.ts';
import { type TpmInputs, verifyTpm } from '../../../verifier/src/tpm/verify-tpm.ts';
import { manifestPcr, measureIntoPcr } from './measure.ts';
import { extendPcr } from './registers.ts';
import { emptyPassword, plainHandle, runCommand } from './run-command.ts';
import { sha256, TpmAlg } from './structures.ts';
import { Code, codeOf, flipping, onTheBus } from './testing/bus.ts';
import { useTestTpm } from './testing/fresh-tpm.ts';
import { QUOTED_PCRS, tpmQuoteSource } from './tpm-quote-source.ts';
import type { Bytes } from './wire.ts';

const tpm = useTestTpm();
const REPORT_DATA = Uint8Array.from({ length: 64 }, (_, index) => index);
const MANIFEST = new Uint8Array(48).fill(0xab);
const policy: TpmInputs['policy'] = {
  pcrSelection: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 14],
  pcrs: { pcr14: [toHex(manifestPcr(MANIFEST))], pcr0: ['00'.repeat(32)] },
  nonce: 'required',
  clock: 'safe',
};

interface Judged {
  readonly evidence: Bytes;
  readonly akPublic: Bytes;
}

async function quoted(): Promise<Judged> {
  await tpm.powerCycle();
  await measureIntoPcr(tpm.transport(), toHex(MANIFEST));
  const source = await tpmQuoteSource({ transport: tpm.transport() });
  return { evidence: await source.quote(REPORT_DATA), akPublic: source.akPublic };
}

async function failing({ evidence, akPublic }: Judged, change: Partial<TpmInputs> = {}): Promise<readonly string[]> {
  const outcome = await verifyTpm(evidence, {
    ak: readSpki(akPublic),
    policy,
    expectedNonce: sha256(REPORT_DATA),
    ...change,
  });
  return outcome.checks.filter(({ status }) => status !== 'passed').map(({ id, status }) => `${id} ${status}`);
}

promise.unless(tpm.missing, 'P3', 'the verifier accepts a quote with every check', async () => {
  const judged = await quoted();
  expect(await failing(judged)).toEqual([]);
  const outcome = await verifyTpm(judged.evidence, {
    ak: readSpki(judged.akPublic),
    policy,
    expectedNonce: sha256(REPORT_DATA),
  });
  expect(outcome.claims?.reportData).toBe(toHex(sha256(REPORT_DATA)));
  expect(outcome.claims?.registers['pcr14']).toBe(toHex(manifestPcr(MANIFEST)));
});

promise.unless(tpm.missing, 'P7', 'the verifier refuses it for another challenge, manifest or key', async () => {
  const judged = await quoted();
  expect(await failing(judged, { expectedNonce: sha256(randomBytes(64)) })).toEqual(['tpm.nonce failed']);
  expect(await failing(judged, { policy: { ...policy, pcrs: { pcr14: ['00'.repeat(32)] } } })).toEqual([
    'tpm.pcrs failed',
  ]);
  expect(await failing(judged, { policy: { ...policy, pcrSelection: [16] } })).toEqual(['tpm.pcr-selection failed']);
  const other = judged.akPublic.slice();
  other.set(randomBytes(32), 30);
  expect((await failing({ ...judged, akPublic: other }))[0]).toBe('tpm.ak failed');
  const changed = new TextDecoder().decode(judged.evidence).replace(/(?<="pcrs":\[")00/, '01');
  expect(await failing({ ...judged, evidence: new TextEncoder().encode(changed) })).toContain('tpm.pcr-digest failed');
});

promise.unless(tpm.missing, 'P3', 'the attestation key is that of the TPM, after each start', async () => {
  const first = await quoted();
  const second = await quoted();
  expect(second.akPublic).toEqual(first.akPublic);
  expect(second.evidence).not.toEqual(first.evidence);
});

promise.unless(tpm.missing, 'P3', 'the attestation key stays when the TPM is cleared', async () => {
  const { akPublic } = await quoted();
  const lockout = plainHandle(0x4000_000a);
  await runCommand(
    tpm.transport(),
    { what: 'TPM2_Clear', code: 0x0126, handles: [lockout], parameters: new Uint8Array(0) },
    emptyPassword,
  );
  expect((await quoted()).akPublic).toEqual(akPublic);
});

describe('registers that move between reading and quoting', () => {
  const moving = (times: number): ReturnType<typeof onTheBus> => {
    let left = times;
    return onTheBus(tpm.transport(), async (command, send) => {
      if (codeOf(command) === Code.quote && left > 0) {
        left -= 1;
        await extendPcr(tpm.transport(), 15, [[TpmAlg.sha256, sha256()]]);
      }
      return send(command);
    });
  };

  promise.unless(tpm.missing, 'P3', 'are read again', async () => {
    await tpm.powerCycle();
    const { quote, akPublic } = await tpmQuoteSource({ transport: moving(3) });
    const judged = { evidence: await quote(REPORT_DATA), akPublic };
    expect(await failing(judged, { policy: { ...policy, pcrs: 'any' } })).toEqual(['tpm.pcrs waived']);
  });

  promise.unless(tpm.missing, 'P3', 'are not quoted where they never rest', async () => {
    await tpm.powerCycle();
    const { quote } = await tpmQuoteSource({ transport: moving(99) });
    await expect(quote(REPORT_DATA)).rejects.toMatchObject({ code: 'attester.busy' });
  });
});

describe('a quote that was changed on the bus is not given out', () => {
  for (const [what, fromEnd] of [
    ['the signature', 12],
    ['the digest of the registers', 90],
    ['the selection', 117],
  ] as const) {
    promise.unless(tpm.missing, 'P3', what, async () => {
      await tpm.powerCycle();
      const { quote } = await tpmQuoteSource({ transport: flipping(tpm.transport(), Code.quote, fromEnd) });
      await expect(quote(REPORT_DATA)).rejects.toMatchObject({ code: 'attester.hardware' });
    });
  }

  promise.unless(tpm.missing, 'P3', 'a quote for another challenge', async () => {
    await tpm.powerCycle();
    let first: Bytes | undefined;
    const replaying = onTheBus(tpm.transport(), async (command, send) => {
      if (codeOf(command) !== Code.quote) return send(command);
      first ??= await send(command);
      return first;
    });
    const { quote } = await tpmQuoteSource({ transport: replaying });
    await quote(REPORT_DATA);
    await expect(quote(new Uint8Array(64))).rejects.toMatchObject({
      code: 'attester.hardware',
      message: expect.stringContaining('other qualifying data'),
    });
  });
});

promise.unless(tpm.missing, 'P3', 'many quotes at once are all good', async () => {
  await tpm.powerCycle();
  const { quote, akPublic } = await tpmQuoteSource({ transport: tpm.transport() });
  const all = await Promise.all(Array.from({ length: 12 }, () => quote(REPORT_DATA)));
  for (const evidence of all) {
    expect(await failing({ evidence, akPublic }, { policy: { ...policy, pcrs: 'any' } })).toEqual(['tpm.pcrs waived']);
  }
});

promise.unless(tpm.missing, 'P3', 'report data of another length is a mistake of ours', async () => {
  await tpm.powerCycle();
  const { quote } = await tpmQuoteSource({ transport: tpm.transport() });
  for (const length of [0, 32, 63, 65]) await expect(quote(new Uint8Array(length))).rejects.toThrow(RangeError);
});

promise.unless(tpm.missing || missingTools(), 'P3', 'tpm2-tools read the same registers', async () => {
  await quoted();
  const path = tpm.emulator().path;
  const relay = 's=require("net").connect(process.argv[1]);process.stdin.pipe(s);s.pipe(process.stdout)';
  await tpm.transport().close();
  const printed = execFileSync('tpm2_pcrread', ['-T', `cmd:${process.execPath} -e '${relay}' ${path}`, 'sha256:14'], {
    encoding: 'utf8',
  });
  expect(printed.toLowerCase()).toContain(toHex(manifestPcr(MANIFEST)));
  await tpm.powerCycle();
});

function missingTools(): string | false {
  try {
    execFileSync('tpm2_pcrread', ['--version'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'tpm2-tools are not installed';
  }
}

test('registers that anybody can set back are not quoted', () => {
  expect(QUOTED_PCRS.filter((index) => index > 15 || index === 10)).toEqual([]);
});
