/**
 * The TEE as whoever starts the key service gives it: where evidence, root secrets and anchors come from.
 *
 * @module
 */
import type { AnchorAccess, FreshnessAnchor, QuoteSource, RootSecretSource } from '@vitrine/attester';
import type { AnchorTerms } from '@vitrine/documents';
import type { VerifyOptions } from '@vitrine/verifier';

/** The TEE, as the key service alone sees it. */
export interface Platform {
  readonly source: QuoteSource;
  /** All are needed together for the application root; empty where the platform has none. */
  readonly roots: readonly RootSecretSource[];
  /** What wraps the root so far, where that is to change with this start. */
  readonly formerRoots?: readonly RootSecretSource[];
  /** Whether it protects nothing, so that its keys must not hold value. */
  readonly isSimulated: boolean;
  /** Where it is simulated: the root of this very simulator, under which another side of a hand-over may be, too. */
  readonly simulatorAnchors?: VerifyOptions['simulatorAnchors'];
  /**
   * Opens what remembers how far the state has got, as the manifest names it; absent where the platform has none.
   *
   * @param store - Names the state, so that two applications of one machine have an anchor each: the identifier of
   *   the application root, 64 hexadecimal digits.
   * @param access - The key of the state, for an anchor that asks who moves it.
   */
  readonly openAnchor?: (terms: AnchorTerms, store: string, access: AnchorAccess) => Promise<FreshnessAnchor>;
}
