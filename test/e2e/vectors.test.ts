/**
 * Real evidence through the command line: verdict, exit code and deciding check of each row of the
 * table that comes with it.
 *
 * @module
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AttestationResult } from '@vitrine/verifier';
import { afterAll, expect } from 'vitest';
import { promise } from '../promises.ts';
import { type Finished, workplace } from '../support/cli.ts';
import { missingVectors, readVector, vectorsDirectory } from '../vectors.ts';

interface Row {
  readonly file: string;
  readonly endorsements: readonly string[];
  readonly at: string;
  readonly preset: string;
  readonly verdict: string;
  readonly exit: number;
  readonly decidedBy: string | null;
}

const directory = vectorsDirectory() ?? '';
const user = workplace();
afterAll(() => user.dispose());

const rows =
  missingVectors === false ? (JSON.parse(new TextDecoder().decode(readVector('EXPECTED.json'))) as Row[]) : [];
promise.unless(missingVectors, 'P7', 'the table has the rows that it had: 41 of five technologies', () => {
  expect(rows).toHaveLength(41);
});

for (const row of rows) {
  const endorsements = row.endorsements.flatMap((file) => ['--endorsements', join(directory, file)]);
  const judge = ['verify', join(directory, row.file), ...endorsements, '--at', row.at, '--offline', '--json'];

  promise('P7', `${row.file} with ${row.endorsements.join(' ') || 'no endorsements'}: ${row.verdict}`, async () => {
    const { code, stdout } = await user.run([...judge, '--preset', row.preset]);
    const { verdict, decidedBy } = JSON.parse(stdout) as Row;
    expect({ verdict, exit: code, decidedBy }).toEqual({
      verdict: row.verdict,
      exit: row.exit,
      decidedBy: row.decidedBy,
    });
  });

  if (row.verdict !== 'verified') continue;
  promise('P7', `${row.file} under the preset default: undetermined for want of a reference`, async () => {
    const { code, stdout } = await user.run([...judge, '--preset', 'default']);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'undetermined', decidedBy: 'workload.reference' });
    expect(code).toBe(3);
  });
}

const withLog = (quote: string, log: string, ...more: readonly string[]): Promise<Finished> =>
  user.run([
    'verify',
    join(directory, quote),
    '--eventlog',
    join(directory, log),
    '--preset',
    'hardware-only',
    '--offline',
    '--json',
    ...more,
  ]);

promise.unless(
  missingVectors,
  'P3',
  'an event log that replays to the registers is shown beside a verified quote',
  async () => {
    const collateral = join(directory, 'tdx/lunal-collat-90c06f.assembled-collateral.json');
    const { code, stdout } = await withLog(
      'tdx/dstack-quote-report.quote',
      'eventlog/dstack-quote-report.eventlog.json',
      '--endorsements',
      collateral,
      '--at',
      '2026-03-31T22:11:06Z',
    );
    const result = JSON.parse(stdout) as AttestationResult;
    expect(code).toBe(0);
    expect(result.checks.find(({ id }) => id === 'eventlog.replay')?.status).toBe('passed');
    expect(result.claims?.events?.map(({ name }) => name)).toContain('compose-hash');
  },
);

promise.unless(missingVectors, 'P3', 'an event log of another boot is refused, and the register is named', async () => {
  const { code, stdout } = await withLog(
    'tdx/lunal-live.quote',
    'eventlog/lunal-live.ccel.bin',
    '--at',
    '2026-04-29T00:00:00Z',
  );
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ verdict: 'rejected', decidedBy: 'eventlog.replay' });
});

promise.unless(
  missingVectors,
  'P7',
  'a TPM quote is judged by the key that the user names, and is simulated at best',
  async () => {
    const quote = join(directory, 'boot/real-boot/direct.quote.json');
    const judge = ['verify', quote, '--preset', 'hardware-only', '--offline', '--json'];
    expect(JSON.parse((await user.run(judge)).stdout)).toMatchObject({ verdict: 'undetermined', decidedBy: 'tpm.ak' });
    const { pub } = JSON.parse(new TextDecoder().decode(readVector('boot/real-boot/direct.quote.json'))) as {
      pub: string;
    };
    const size = (pub.length / 2).toString(16).padStart(4, '0');
    const key = join(user.directory, 'ak.pub');
    writeFileSync(key, Buffer.from(size + pub, 'hex'));
    const { code, stdout } = await user.run([...judge, '--tpm-ak', key]);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'simulated' });
    expect(code).toBe(0);
  },
);

promise.unless(
  missingVectors,
  'P7',
  '--format takes evidence as what the user says, and refuses it by that name',
  async () => {
    const { code, stdout } = await user.run([
      'verify',
      join(directory, 'nitro/evervault-beta-valid.cose'),
      '--format',
      'tdx',
      '--offline',
      '--json',
    ]);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'rejected', decidedBy: 'tdx.format' });
  },
);
