/**
 * How the decoders of this folder say no.
 *
 * Each refusal has a code that begins with `evm.` and stays the same; the message says what was found and
 * what is expected. What is refused here was never classified, so no policy can allow it.
 *
 * @module
 */
import { RefusedRequestError } from '../intent.ts';

export function refuse(code: `evm.${string}`, message: string): never {
  throw new RefusedRequestError(code, message);
}
