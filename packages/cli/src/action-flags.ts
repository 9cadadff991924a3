/**
 * Commands with several actions: a flag of one action is a mistake with another, and never quietly ignored.
 *
 * @module
 */
import { UsageError } from '@vitrine/documents';

/**
 * @param flags - Names of flags that belong to `owner` alone.
 * @param owner - Such as `vitrine keys ls`.
 * @throws UsageError with code `usage.flag` where one of them is set.
 */
export function refuseFlags(values: object, flags: readonly string[], owner: string): void {
  const given = flags.find((flag) => Object.hasOwn(values, flag) && Reflect.get(values, flag) !== undefined);
  if (given !== undefined) throw new UsageError('usage.flag', `--${given} is for "${owner}"`);
}
