/**
 * `vitrine release sign`.
 *
 * @module
 */
import { type Release, releaseSigned, toBase64Url, UsageError } from '@vitrine/documents';
import { EXIT } from '../exit-code.ts';
import { readOwnerKey } from '../owner-key.ts';
import { clean } from '../terminal.ts';
import { named, print, readReleaseFile, replaceRelease } from './release-file.ts';

export interface SignFlags {
  readonly 'owner-key'?: string;
  readonly json?: boolean;
}

export async function signRelease(file: string, flags: SignFlags): Promise<number> {
  const keyFile = flags['owner-key'];
  if (keyFile === undefined) {
    throw new UsageError(
      'usage.missing',
      'expected --owner-key FILE: your release key; "vitrine secrets keygen FILE" makes one',
    );
  }
  const release = readReleaseFile(file);
  const { publicKey, sign } = readOwnerKey(keyFile);
  if (release.signatures.some(({ key }) => key === publicKey)) {
    throw new UsageError('release.signed', `${file} has a signature of ${publicKey} already`);
  }
  const signature = toBase64Url(await sign(releaseSigned(release)));
  const signed: Release = { ...release, signatures: [...release.signatures, { key: publicKey, signature }] };
  replaceRelease(file, signed);
  print(
    flags.json,
    signed,
    `${publicKey} has signed ${clean(file)}, which admits ${named(release.to)}\nafter ${named(release.from)}\n`,
  );
  return EXIT.done;
}
