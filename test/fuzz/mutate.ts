/**
 * Changes of inputs, by a generator of pseudo-random numbers that can be repeated from its seed.
 *
 * @module
 */

/** A whole number from 0 to `below - 1`. */
export type Random = (below: number) => number;

/** Marsaglia's xorshift32. Not for secrets. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** Lengths and counts that parsers get wrong. */
const NUMBERS: readonly number[] = [
  0, 1, 2, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0xffffffff,
];
const MAX_PIECE = 64;
const MAX_STEPS = 6;

interface Material {
  readonly corpus: readonly Uint8Array[];
  readonly tokens: readonly Uint8Array[];
  readonly maxLength: number;
}

/** One to six changes of `input`. */
export function mutate(input: Uint8Array, material: Material, random: Random): Uint8Array<ArrayBuffer> {
  let bytes: Uint8Array = input;
  for (let steps = 1 + random(MAX_STEPS); steps > 0; steps--) bytes = step(bytes, material, random);
  return Uint8Array.from(bytes.subarray(0, material.maxLength));
}

function step(bytes: Uint8Array, { corpus, tokens }: Material, random: Random): Uint8Array {
  const at = random(bytes.length + 1);
  const length = Math.min(1 + random(MAX_PIECE), bytes.length - at);
  const replace = (from: number, to: number, piece: Uint8Array): Uint8Array =>
    Buffer.concat([bytes.subarray(0, from), piece, bytes.subarray(Math.max(from, to))]);
  switch (random(10)) {
    case 0:
    case 1:
      return changed(bytes, at, (byte) => byte ^ (1 << random(8)));
    case 2:
      return changed(bytes, at, () => random(256));
    case 3:
      return changed(bytes, at, (byte) => byte + random(9) - 4);
    case 4: {
      const piece = encoded(NUMBERS[random(NUMBERS.length)] ?? 0, random);
      return replace(at, at + piece.length, piece);
    }
    case 5:
      return replace(at, at + length, new Uint8Array());
    case 6:
      return replace(at, at, bytes.subarray(at, at + length));
    case 7: {
      const token = tokens[random(Math.max(1, tokens.length))] ?? new Uint8Array();
      return replace(at, random(2) === 0 ? at : at + token.length, token);
    }
    case 8: {
      const other = corpus[random(Math.max(1, corpus.length))] ?? bytes;
      const from = random(other.length + 1);
      return replace(at, at + length, other.subarray(from, from + 1 + random(MAX_PIECE)));
    }
    default:
      return random(4) === 0
        ? bytes.subarray(0, at)
        : changed(bytes, at, (byte) => (byte >= 0x30 && byte < 0x39 ? byte + 1 : byte ^ 0x20));
  }
}

function changed(bytes: Uint8Array, at: number, change: (byte: number) => number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const old = copy[at];
  if (old !== undefined) copy[at] = change(old);
  return copy;
}

/** In 1, 2 or 4 bytes, either end first. */
function encoded(value: number, random: Random): Uint8Array {
  const bytes = Buffer.alloc(4);
  if (random(2) === 0) bytes.writeUInt32LE(value);
  else bytes.writeUInt32BE(value);
  const width = [1, 2, 4][random(3)] ?? 1;
  return random(2) === 0 ? bytes.subarray(0, width) : bytes.subarray(4 - width);
}
