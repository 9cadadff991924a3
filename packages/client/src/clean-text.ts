/**
 * Text from elsewhere, made fit for a terminal or an error message: a server must not be able to
 * move the cursor, recolour a verdict, turn the direction of writing or hide letters.
 *
 * One rule for everything that people read. What is replaced: control characters, line separators,
 * whatever turns the direction of writing, and whatever Unicode says is drawn as nothing
 * (`Default_Ignorable_Code_Point`: zero-width characters, soft hyphens, tag characters U+E0000 to
 * U+E007F, variation selectors, blank Hangul fillers). Those can carry a whole hidden message, or
 * make two texts look the same. They become U+FFFD, which is seen, and are not just dropped: that
 * something was hidden is worth knowing. The price is that joined emoji and Persian words with a
 * zero-width non-joiner look broken. One variation selector right behind a pictograph stays, since
 * nearly every "⚠️" is written so and one cannot carry a message.
 *
 * JSON for programs never passes through here.
 *
 * @module
 */

const BLANK = /[\t\n\v\f\r\u0085\u2028\u2029]+/g;
const UNSAFE =
  /(?<!\p{Extended_Pictographic})[\ufe0e\ufe0f]|(?![\ufe0e\ufe0f])[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}\ufff9-\ufffb]/gu;

/** `text` on one line, with everything that is not plainly visible replaced by U+FFFD. */
export function visibleText(text: string): string {
  return text.replace(BLANK, ' ').replace(UNSAFE, '\ufffd');
}

/** As {@link visibleText}, trimmed and cut to `limit` characters. */
export function cleanText(text: string, limit = 200): string {
  const clean = visibleText(text.slice(0, limit * 4)).trim();
  return clean.length > limit ? `${clean.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, '')}…` : clean;
}
