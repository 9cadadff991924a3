/**
 * Every bound of the MCP gateway in one place, each with its reason. All of them can be overridden
 * for one gateway; none can be switched off.
 *
 * @module
 */

/** Bounds of one gateway. Sizes are bytes, times are milliseconds. */
export interface GatewayLimits {
  /** Longest HTTP request body. Longer ones are answered 413 before they are parsed. */
  readonly requestBytes: number;
  /** Longest single message that the hosted server may write. A longer one ends that server process. */
  readonly messageBytes: number;
  /** Sessions of the 2025-11-25 era, and so server processes for them. */
  readonly sessions: number;
  /** Server processes shared by clients of the 2026-07-28 era. */
  readonly instances: number;
  /** Requests running at the same time in one server process. */
  readonly runningRequests: number;
  /** Open `subscriptions/listen` streams on one server process. */
  readonly subscriptions: number;
  /** From starting a server process to its answer to the handshake. */
  readonly startMs: number;
  /** How long a fresh server may stay silent on `server/discover` before it is taken for a 2025-11-25 one. */
  readonly probeMs: number;
  /** A session with no running request and no open stream ends after this long. */
  readonly sessionIdleMs: number;
  /** A shared server process that nobody uses ends after this long. */
  readonly instanceIdleMs: number;
  /** A stopping server has this long after its input closes, and again after SIGTERM, before the next step. */
  readonly stopMs: number;
  /** Interval of the comment lines that keep idle event streams open. */
  readonly keepAliveMs: number;
}

export const defaultGatewayLimits: GatewayLimits = {
  // The bound of the SDK's own HTTP handler: what works against a server directly works here.
  requestBytes: 4 * 1024 * 1024,
  // Results carry images and files as base64; 64 MiB is far above any seen, and still fits in memory many times.
  messageBytes: 64 * 1024 * 1024,
  // A Node server takes 50 to 100 MB: 32 sessions and 8 shared instances stay within a 4 GB enclave.
  sessions: 32,
  instances: 8,
  // Beyond this a server is not slow but stuck, and queued requests only cost memory.
  runningRequests: 256,
  subscriptions: 256,
  // Interpreters with a cold file cache take several seconds.
  startMs: 30_000,
  probeMs: 4_000,
  // Long enough for a person to come back to a conversation, short enough that vanished clients do not pile up.
  sessionIdleMs: 15 * 60_000,
  instanceIdleMs: 5 * 60_000,
  // Well-behaved servers leave within milliseconds of losing their input.
  stopMs: 1_000,
  // Below the 30 to 60 seconds after which common middleboxes drop a silent connection.
  keepAliveMs: 15_000,
};
