/**
 * What a root under a TPM keeps on the disk: `tpm-root.json`, the two objects that only this TPM can load, and
 * `tpm-policies.json`, the policies that the holder of the policy key signed. Neither is secret.
 *
 * The first is made once and never replaced: the name appears by linking, which fails where something has it.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { constants, type FileHandle, link, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  fromHex,
  hex,
  type Infer,
  integer,
  list,
  object,
  oneOf,
  parseDocument,
  text,
  toHex,
  UsageError,
} from '@vitrine/documents';
import type { CreatedObject } from './answers.ts';
import type { SignedTpmPolicy } from './policy.ts';
import type { Bytes } from './wire.ts';

export const ROOT_FILE = 'tpm-root.json';
export const POLICIES_FILE = 'tpm-policies.json';
const MAX_BYTES: number = 1 << 16;
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

const area = text('bytes as lower-case hexadecimal digits', /^(?:[0-9a-f]{2}){1,2048}$/);
const objectShape = object({ public: area, private: area });

const rootShape = object({
  type: oneOf('vitrine/tpm-root/v1'),
  /** Registers of the SHA-256 bank, ascending. */
  pcrs: list(integer(0)),
  sealed: objectShape,
  deriving: objectShape,
});

const policiesShape = object({
  type: oneOf('vitrine/tpm-policies/v1'),
  policies: list(object({ policy: hex(32), signature: hex(64) })),
});

export interface RootObjects {
  readonly pcrs: readonly number[];
  readonly sealed: CreatedObject;
  readonly deriving: CreatedObject;
}

/** `undefined` where there is none. @throws UsageError */
export async function readRoot(directory: string): Promise<RootObjects | undefined> {
  const path = join(directory, ROOT_FILE);
  const found = await readText(path);
  if (found === undefined) return undefined;
  const { pcrs, sealed, deriving } = parseDocument(found, rootShape, path);
  return { pcrs, sealed: objectOf(sealed), deriving: objectOf(deriving) };
}

/** Whether the file is there with these objects now; false where something was there before. @throws UsageError */
export async function createRoot(directory: string, root: RootObjects): Promise<boolean> {
  const path = join(directory, ROOT_FILE);
  const document: Infer<typeof rootShape> = {
    type: 'vitrine/tpm-root/v1',
    pcrs: root.pcrs,
    sealed: documentOf(root.sealed),
    deriving: documentOf(root.deriving),
  };
  return named(path, async () => {
    await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
    try {
      await writeDurably(temporary, `${JSON.stringify(document, undefined, 2)}\n`);
      await link(temporary, path);
      return true;
    } catch (cause) {
      if (systemCode(cause) === 'EEXIST') return false;
      throw cause;
    } finally {
      await rm(temporary, { force: true });
      await syncDirectory(directory);
    }
  });
}

/** None where there is no file. @throws UsageError */
export async function readPolicies(directory: string): Promise<readonly SignedTpmPolicy[]> {
  const path = join(directory, POLICIES_FILE);
  const found = await readText(path);
  if (found === undefined) return [];
  return parseDocument(found, policiesShape, path).policies.map(({ policy, signature }) => ({
    policy: digits(policy),
    signature: digits(signature),
  }));
}

async function writeDurably(path: string, content: string): Promise<void> {
  const handle = await open(path, 'wx', FILE_MODE);
  try {
    await handle.chmod(FILE_MODE);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function readText(path: string): Promise<string | undefined> {
  return named(path, async () => {
    let handle: FileHandle;
    try {
      // Without O_NONBLOCK a pipe of that name would hold the start up for ever.
      handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') return undefined;
      throw cause;
    }
    try {
      const found = await handle.stat();
      if (!found.isFile() || found.size > MAX_BYTES) throw damaged(path, 'it is no ordinary file, or too long');
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await handle.readFile());
    } catch (cause) {
      if (cause instanceof TypeError) throw damaged(path, 'it is not UTF-8');
      throw cause;
    } finally {
      await handle.close();
    }
  });
}

async function named<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    throw new UsageError(
      'attester.root-files',
      `${path} cannot be used (${code}); name a directory that the key service may read and write`,
      { cause },
    );
  }
}

function damaged(path: string, why: string): UsageError {
  return new UsageError('attester.root-files', `${path}: ${why}; restore it from a copy`);
}

function systemCode(cause: unknown): unknown {
  return cause instanceof Error && 'syscall' in cause && 'code' in cause ? cause.code : undefined;
}

function objectOf(document: Infer<typeof objectShape>): CreatedObject {
  return { public: digits(document.public), private: digits(document.private) };
}

function documentOf(created: CreatedObject): Infer<typeof objectShape> {
  return { public: toHex(created.public), private: toHex(created.private) };
}

function digits(hexadecimal: string): Bytes {
  const bytes = fromHex(hexadecimal);
  if (bytes === undefined) throw new TypeError('the shape lets only hexadecimal digits through');
  return bytes;
}
