/**
 * How large a message of a hand-over may be, for all who carry one; without the code that reads it.
 *
 * @module
 */
import { MAX_BUNDLE_BYTES } from '@vitrine/documents';

/** A request is little more than a bundle. */
export const MAX_MESSAGE_BYTES: number = MAX_BUNDLE_BYTES;
