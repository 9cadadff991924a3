/**
 * `vitrine release show` of a deny-list. All signatures are verified; which keys count is for its users to say.
 *
 * @module
 */
import { listLines } from '../deny-list-lines.ts';
import { EXIT } from '../exit-code.ts';
import { clean, terminalOf } from '../terminal.ts';
import { listNamed, readListFile } from './deny-list-file.ts';

export async function showDenyList(file: string, json: boolean | undefined): Promise<number> {
  const { list, good, bad } = await readListFile(file);
  const { signatures: _, type: _type, ...said } = list;
  const shown = { type: 'vitrine/deny-list-shown/v1', ...said, signedBy: good, invalid: bad };
  const lines = [
    `${clean(file)} is ${listNamed(list)}`,
    ...listLines(list, terminalOf(process.stdout).width),
    ...(good.length + bad.length === 0 ? ['nobody has signed it'] : []),
    ...good.map((key) => `signed by ${key}`),
    ...bad.map((key) => `INVALID signature of ${key}; users refuse the list with it`),
  ];
  process.stdout.write(json === true ? `${JSON.stringify(shown)}\n` : `${lines.join('\n')}\n`);
  return EXIT.done;
}
