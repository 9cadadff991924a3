/**
 * Text from elsewhere, made fit for a terminal or an error message: a server must not be able to
 * move the cursor, recolour a verdict or turn the direction of writing.
 *
 * @module
 */

const CONTROL = /\p{Cc}+/gu;
/** Bidirectional controls, zero-width characters, line separators, byte order mark. */
const INVISIBLE = /[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+/g;

/** `text` on one line, without control and invisible characters, cut to `limit` characters. */
export function cleanText(text: string, limit = 200): string {
  const clean = text
    .slice(0, limit * 4)
    .replace(CONTROL, ' ')
    .replace(INVISIBLE, '')
    .trim();
  return clean.length > limit ? `${clean.slice(0, limit - 1)}…` : clean;
}
