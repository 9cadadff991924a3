/**
 * Installs the peers before any system test runs, once, and not within the time of a test.
 *
 * @module
 */
import { installedPeers } from '../../tools/peers.ts';

/** Called by vitest. */
export async function setup(): Promise<void> {
  await installedPeers();
}
