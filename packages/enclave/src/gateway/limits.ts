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
  /** Whatever a server process writes to standard output. More ends it. */
  readonly outputBytesPerMinute: number;
  /** Lines on its standard output that are no JSON-RPC messages. More ends it, also a single such line. */
  readonly garbageBytesPerMinute: number;
  /** Notifications, requests, and answers to nothing. More ends it. */
  readonly unaskedMessagesPerMinute: number;
  /** Standard error. More ends it. */
  readonly errorBytesPerMinute: number;
  /** Lines of standard error beyond this are counted instead of logged. */
  readonly logBytesPerSecond: number;
  /** Bytes that wait for a server process to read its input. More ends it. */
  readonly inputBytes: number;
  /** A server process that has bytes waiting and reads none of them for this long is ended. */
  readonly inputStallMs: number;
  /** Bytes of one answer that wait for its client to read them. More ends the answer. */
  readonly answerBytes: number;
  /** Bytes of all answers that wait. More ends the one that has most. */
  readonly answersBytes: number;
  /** A client that has an answer waiting and reads none of it for this long loses it. */
  readonly readStallMs: number;
  /** Sessions of the 2025-11-25 era, and so server processes for them. */
  readonly sessions: number;
  /** Server processes shared by clients of the 2026-07-28 era. */
  readonly instances: number;
  /** Requests running at the same time in one server process. */
  readonly runningRequests: number;
  /** Calls of a 2025-11-25 server that wait until a stateless client has answered the server's questions. */
  readonly waitingCalls: number;
  /** How long such a call waits before it is given up. */
  readonly inputMs: number;
  /** How long a server that has asked something may take to show that it asks nothing more just then. */
  readonly gatherMs: number;
  /** Calls that may ask and wait for a server process of their own. */
  readonly queuedCalls: number;
  /** Rounds of questions in one call of a 2026-07-28 server on behalf of a 2025-11-25 client. */
  readonly inputRounds: number;
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
  // More than any link carries to clients; a process that writes on without end is stopped before it starves others.
  outputBytesPerMinute: 4 * 1024 * 1024 * 1024,
  // Start-up banners and stray prints are kilobytes.
  garbageBytesPerMinute: 1024 * 1024,
  // Twenty progress notes a second for each of the requests that may run.
  unaskedMessagesPerMinute: 300_000,
  // Chatty debug logs reach some MiB a minute; a loop that prints reaches this within seconds.
  errorBytesPerMinute: 64 * 1024 * 1024,
  // About five hundred lines a second, which keeps a day's log below what disks hold.
  logBytesPerSecond: 64 * 1024,
  // Eight of the longest requests. A server that works reads far ahead of this.
  inputBytes: 32 * 1024 * 1024,
  // Interpreters do not read while they compute, so a long computation must not look like a hang.
  inputStallMs: 60_000,
  // One message of the longest kind, and some more.
  answerBytes: 80 * 1024 * 1024,
  // A few slow readers of large answers, within a 4 GB enclave.
  answersBytes: 512 * 1024 * 1024,
  // As long as middleboxes wait.
  readStallMs: 60_000,
  // A Node server takes 50 to 100 MB: 32 sessions and 8 shared instances stay within a 4 GB enclave.
  sessions: 32,
  instances: 8,
  // Beyond this a server is not slow but stuck, and queued requests only cost memory.
  runningRequests: 256,
  subscriptions: 256,
  // Each keeps a server process: fewer than there are instances, so that people who do not answer never take all.
  waitingCalls: 6,
  // The time that the SDK gives a person to answer, and its request states to live.
  inputMs: 10 * 60_000,
  // A server that works answers a ping within a few milliseconds; for one that does not nothing is lost but a round.
  gatherMs: 100,
  queuedCalls: 64,
  // A conversation of that many questions is a loop; the SDK's own client stops at 10.
  inputRounds: 32,
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
