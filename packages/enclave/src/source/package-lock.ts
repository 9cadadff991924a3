/**
 * npm's lock file (`package-lock.json`, lockfileVersion 3) as far as the store needs it: one form of its
 * text, so that equal locks have equal digests whichever npm wrote them, and the row of one package.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import type { JsonValue } from '@vitrine/documents';

type JsonObject = { readonly [name: string]: JsonValue };

/** The text that is stored and digested. */
export function formatPackageLock(lock: JsonValue): string {
  return `${JSON.stringify(lock, null, 2)}\n`;
}

/** SHA-384 of the text, lower-case hexadecimal. */
export function packageLockDigest(lock: JsonValue): string {
  return createHash('sha384').update(formatPackageLock(lock)).digest('hex');
}

/** Version and integrity of the top-level package `name`; members that the lock lacks are absent. */
export function lockedPackage(
  lock: JsonValue,
  name: string,
): { readonly version?: string; readonly integrity?: string } {
  const packages = isObject(lock) ? lock['packages'] : undefined;
  const row = isObject(packages) ? packages[`node_modules/${name}`] : undefined;
  if (!isObject(row)) return {};
  const { version, integrity } = row;
  return {
    ...(typeof version === 'string' ? { version } : {}),
    ...(typeof integrity === 'string' ? { integrity } : {}),
  };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
