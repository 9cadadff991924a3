/**
 * Real TDX v4 evidence through the command line: verdict, exit code and deciding check of each row
 * of the table that comes with it.
 *
 * @module
 */
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { promise } from '../promises.ts';
import { workplace } from '../support/cli.ts';
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

const TDX_HEADER = { version: 4, teeType: 0x81 };
const directory = vectorsDirectory() ?? '';
const user = workplace();
afterAll(() => user.dispose());

function isTdxV4(file: string): boolean {
  const view = new DataView(readVector(file).buffer);
  return (
    view.byteLength > 48 &&
    view.getUint16(0, true) === TDX_HEADER.version &&
    view.getUint32(4, true) === TDX_HEADER.teeType
  );
}

const rows =
  missingVectors === false ? (JSON.parse(new TextDecoder().decode(readVector('EXPECTED.json'))) as Row[]) : [];
const v4 = rows.filter(({ file }) => isTdxV4(file));

promise.unless(missingVectors, 'P7', 'the table has the rows that it had: 19 of TDX v4', () => {
  expect(v4).toHaveLength(19);
});

for (const row of v4) {
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
