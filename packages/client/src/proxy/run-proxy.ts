/**
 * The command `vitrine proxy`, without its arguments: from flags to a proxy that runs until it is
 * told to stop.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { UsageError } from '@vitrine/documents';
import type { Verdict } from '@vitrine/verifier';
import type { LaneSizes } from '../channel/lanes.ts';
import { cleanText } from '../clean-text.ts';
import { channelFromFlags } from '../connect/channel-from-flags.ts';
import type { ConnectFlags } from '../connect-arguments.ts';
import { atomicWrite } from '../pins/atomic-write.ts';
import { normaliseUrl } from '../server-url.ts';
import { parseListenAddress } from './listen-address.ts';
import { startProxy } from './proxy-server.ts';

/** Many clients share the channel, and a long call of one must not hold up another. */
const PROXY_LANES: LaneSizes = { listen: 16, request: 32, short: 4 };

export interface RunProxyOptions {
  readonly url: string;
  readonly flags: ConnectFlags;
  /** Such as `127.0.0.1:0`. */
  readonly listen: string;
  readonly allowOrigins: readonly string[];
  /** Where the token is written instead of being handed to `started`. */
  readonly tokenFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  /** Ends the proxy. */
  readonly signal: AbortSignal;
  /** Called once, when the server is judged and the endpoint is open. */
  readonly started: (proxy: StartedProxy) => void;
  /** One line for people. */
  readonly report: (line: string) => void;
}

/** Where the endpoint is and what opens it; one of `token` and `tokenFile`. */
export interface StartedProxy {
  readonly url: string;
  readonly token?: string;
  readonly tokenFile?: string;
  /** On the first connection. A simulator that was allowed is `simulated`. */
  readonly verdict: Verdict;
}

/**
 * Runs until `signal` fires.
 *
 * @returns The exit code: 0, or that of the refusal which the server met while it ran.
 * @throws UsageError; or what the judge throws when the first look fails.
 */
export async function runProxy(options: RunProxyOptions): Promise<number> {
  const { tokenFile, signal, started, report } = options;
  const url = normaliseUrl(options.url);
  const listen = parseListenAddress(options.listen);
  const allowOrigins = options.allowOrigins.map(requireOrigin);
  const token = randomBytes(32).toString('base64url');
  let verdict: Verdict = 'undetermined';
  const channel = await channelFromFlags(url, options.flags, {
    env: options.env,
    platform: options.platform,
    report,
    signal,
    lanes: { sizes: PROXY_LANES },
    onResult: (result) => {
      verdict = result.verdict;
    },
  });
  const proxy = await startProxy({
    url,
    listen,
    token,
    allowOrigins,
    channel,
    onRefusal({ check, message, details }) {
      report(`refused: ${check}: ${cleanText(message, 1_000)}`);
      for (const detail of details) report(`  ${cleanText(detail, 1_000)}`);
    },
  }).catch((error: unknown) => {
    // Ended before it began: nothing was found out, and nobody asks any more.
    if (signal.aborted) return undefined;
    throw error;
  });
  if (proxy === undefined) return 0;
  try {
    if (tokenFile !== undefined) await writeToken(tokenFile, token);
    started({ url: proxy.url, ...(tokenFile === undefined ? { token } : { tokenFile }), verdict });
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  } finally {
    await proxy.close();
  }
  return proxy.refused()?.exitCode ?? 0;
}

async function writeToken(file: string, token: string): Promise<void> {
  try {
    await atomicWrite(file, `${token}\n`, 0o600, 'replace-link');
  } catch (cause) {
    throw new UsageError('proxy.token-file', `cannot write ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** An origin as browsers write it; anything else would never match. */
function requireOrigin(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null';
  if (origin === 'null' || origin !== text) {
    const hint = origin === 'null' ? 'such as http://localhost:5173' : `did you mean ${origin}?`;
    throw new UsageError('proxy.origin', `--allow-origin ${JSON.stringify(text)}: expected an origin, ${hint}`);
  }
  return origin;
}
