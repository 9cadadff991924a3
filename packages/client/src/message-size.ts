/**
 * How large one message of a server may be. Results can be large; one that has no end must not fill
 * the memory of the program that relays it.
 *
 * @module
 */

/** For one JSON-RPC message, or one batch, as it comes from the server. */
export const MAX_MESSAGE_BYTES: number = 256 * 1024 * 1024;
