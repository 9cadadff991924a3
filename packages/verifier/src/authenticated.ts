/**
 * The mark that separates what a machine said from what a trust anchor stands behind.
 *
 * The symbol is not exported, so no module can write an object of this type without a cast. Casts
 * to it stand in the `authenticate.ts` of each technology and nowhere else; `appraise` takes
 * nothing but marked claims.
 *
 * @module
 */

declare const authenticated: unique symbol;

/** `T`, authenticated to a trust anchor. */
export type Authenticated<T> = T & { readonly [authenticated]: true };
