/**
 * Names of tenants, collections and records.
 *
 * On disk they are keyed hashes, so no character is dangerous there; what is refused is what two people
 * could not tell apart from nothing: control characters, and text that is not well-formed. Names are
 * compared by their code points as they are, without normalisation: look-alikes are different names.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';
import { utf8 } from './bytes.ts';

const MAX_NAME_BYTES = 1024;
const CONTROL = /\p{Cc}/u;

export interface NameLimits {
  /** In Unicode characters. */
  readonly characters: number;
  /** In UTF-8. */
  readonly bytes: number;
}

/**
 * The name as UTF-8. `what` is the word for it in a message, which does not repeat the name: it may be as
 * private as the content.
 *
 * @throws UsageError `storage.name`.
 */
export function nameBytes(what: string, name: string, limits?: NameLimits): Uint8Array<ArrayBuffer> {
  const refuse = (why: string): never => {
    throw new UsageError('storage.name', `the name of a ${what} ${why}; choose another name`);
  };
  if (typeof name !== 'string') return refuse('is not text');
  if (name === '') return refuse('is empty');
  if (!name.isWellFormed()) return refuse('is not well-formed Unicode (a surrogate stands alone)');
  if (CONTROL.test(name)) return refuse('holds a control character');
  const bytes = utf8(name);
  const most = limits?.bytes ?? MAX_NAME_BYTES;
  if (bytes.length > most) return refuse(`takes ${bytes.length} bytes of UTF-8, and ${most} at most are allowed`);
  if (limits !== undefined && name.length > limits.characters) {
    const characters = [...name].length;
    if (characters > limits.characters) {
      return refuse(`has ${characters} characters, and ${limits.characters} at most are allowed`);
    }
  }
  return bytes;
}
