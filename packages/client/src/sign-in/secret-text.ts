/**
 * Secrets in documents and messages: shapes that never repeat what they refuse, and the removal of
 * known secrets from what an authorization server says, which may well say them back.
 *
 * @module
 */
import type { Shape } from '@vitrine/documents';
import { cleanText } from '../clean-text.ts';

/** Text matching `pattern`, whose errors do not show what was found. */
export function secretShape(what: string, pattern: RegExp): Shape<string> {
  return {
    schema: { type: 'string', pattern: pattern.source, description: what },
    parse: (value, path = []) =>
      typeof value === 'string' && pattern.test(value)
        ? { ok: true, value }
        : { ok: false, issues: [{ path, message: `expected ${what}, found something else (not shown)` }] },
  };
}

/** `text` fit for a message, without `secrets`. */
export function withoutSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret === undefined || secret === '') continue;
    for (const written of [secret, encodeURIComponent(secret)]) clean = clean.replaceAll(written, '(secret)');
  }
  return cleanText(clean, 200);
}
