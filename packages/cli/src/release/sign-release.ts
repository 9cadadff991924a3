/**
 * `vitrine release sign`: of a release, or of a deny-list.
 *
 * @module
 */
import { type Release, releaseSigned, toBase64Url, UsageError } from '@vitrine/documents';
import { EXIT } from '../exit-code.ts';
import { readOwnerKey } from '../owner-key.ts';
import { clean } from '../terminal.ts';
import { formatList, isDenyList, listNamed, readListToChange, withSignature } from './deny-list-file.ts';
import { changing, format, named, print, readReleaseFile } from './release-file.ts';

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
  // Also says that a file is not there before its folder gets a lock.
  const denies = isDenyList(file);
  const signer = readOwnerKey(keyFile);
  return denies ? signList(file, signer, flags.json) : addSignature(file, signer, flags.json);
}

type Signer = ReturnType<typeof readOwnerKey>;

async function addSignature(file: string, { publicKey, sign }: Signer, json: boolean | undefined): Promise<number> {
  const signed = await changing(file, async (replace) => {
    const release = readReleaseFile(file);
    if (release.signatures.some(({ key }) => key === publicKey)) {
      throw new UsageError('release.signed', `${file} has a signature of ${publicKey} already`);
    }
    const signature = toBase64Url(await sign(releaseSigned(release)));
    const next: Release = { ...release, signatures: [...release.signatures, { key: publicKey, signature }] };
    await replace(format(next));
    return next;
  });
  print(
    json,
    signed,
    `${publicKey} has signed ${clean(file)}, which admits ${named(signed.to)}\nafter ${named(signed.from)}\n`,
  );
  return EXIT.done;
}

async function signList(file: string, signer: Signer, json: boolean | undefined): Promise<number> {
  const signed = await changing(file, async (replace) => {
    const next = await withSignature(await readListToChange(file), file, signer);
    await replace(formatList(next, file));
    return next;
  });
  const text = `${signer.publicKey} has signed ${clean(file)},\n${listNamed(signed)}\n`;
  process.stdout.write(json === true ? `${JSON.stringify(signed)}\n` : text);
  return EXIT.done;
}
