/**
 * The file of a deny-list, on its issuer's side: read, signed, written down.
 *
 * A list with a signature that does not verify is not worked on: somebody has changed it, and who signs it again
 * would sign that.
 *
 * @module
 */
import {
  type DenyList,
  denyListSigned,
  MAX_DENY_LIST_BYTES,
  parseDenyList,
  parseJsonFile,
  toBase64Url,
  UsageError,
} from '@vitrine/documents';
import { goodSigners } from '@vitrine/verifier';
import { readText } from '../inputs.ts';
import type { readOwnerKey } from '../owner-key.ts';

/** Whether a file says that it is a deny-list; it may still be a bad one. */
export function isDenyList(file: string): boolean {
  const value = parseJsonFile(readText(file), file);
  return typeof value === 'object' && value !== null && Reflect.get(value, 'type') === 'vitrine/deny-list/v1';
}

/** Reads a list, with the keys of its good and of its bad signatures. */
export async function readListFile(
  file: string,
): Promise<{ readonly list: DenyList; readonly good: readonly string[]; readonly bad: readonly string[] }> {
  const list = parseDenyList(readText(file), file);
  const judged = await Promise.all(
    list.signatures.map(async (one) => {
      const [good] = await goodSigners({ ...list, signatures: [one] });
      return { key: one.key, good: good !== undefined };
    }),
  );
  const keysOf = (which: boolean): readonly string[] =>
    judged.filter(({ good }) => good === which).map(({ key }) => key);
  return { list, good: keysOf(true), bad: keysOf(false) };
}

/** @throws UsageError `denylist.signature` for a list that was changed after somebody had signed it. */
export async function readListToChange(file: string): Promise<DenyList> {
  const { list, bad } = await readListFile(file);
  const [key] = bad;
  if (key === undefined) return list;
  throw new UsageError(
    'denylist.signature',
    `the signature of ${key} in ${file} does not verify, so it was changed after it was signed; restore it, or look at every entry and empty "signatures" yourself`,
  );
}

/** @throws UsageError `denylist.signed` where the key has signed it. */
export async function withSignature(
  list: DenyList,
  file: string,
  { publicKey, sign }: ReturnType<typeof readOwnerKey>,
): Promise<DenyList> {
  if (list.signatures.some(({ key }) => key === publicKey)) {
    throw new UsageError('denylist.signed', `${file} has a signature of ${publicKey} already`);
  }
  const signature = toBase64Url(await sign(denyListSigned(list)));
  return { ...list, signatures: [...list.signatures, { key: publicKey, signature }] };
}

/** @throws UsageError `denylist.too-large` for more than users read. */
export function formatList(list: DenyList, file: string): string {
  const text = `${JSON.stringify(list, null, 2)}\n`;
  if (Buffer.byteLength(text) <= MAX_DENY_LIST_BYTES) return text;
  throw new UsageError(
    'denylist.too-large',
    `${file} would be larger than ${MAX_DENY_LIST_BYTES} bytes, and nobody would read it; deny numbers with --minimum in place of single manifests`,
  );
}

/** What people call it by. */
export function listNamed({ name, number, issued }: DenyList): string {
  return `the deny-list "${name}" number ${number} of ${issued}`;
}
