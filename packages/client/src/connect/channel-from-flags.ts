/**
 * From the flags of a command to a channel: reads the files that the user names, resolves what is
 * demanded of the server, and puts the channel together.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { parseDocument, referenceValuesShape, UsageError } from '@vitrine/documents';
import { type AttestationResult, parsePolicy, parseTpmAttestationKey } from '@vitrine/verifier';
import type { LaneOptions } from '../channel/lanes.ts';
import type { ConnectFlags } from '../connect-arguments.ts';
import { readDenyList } from '../deny-lists/kept-deny-lists.ts';
import { type ProxyFor, proxyFromEnvironment } from '../net/proxy-environment.ts';
import { onlineEndorsements } from '../online-endorsements.ts';
import { pinsFile } from '../pins/pins-store.ts';
import { vitrineHome } from '../pins/vitrine-home.ts';
import { authorityLines } from './authority.ts';
import { catalogueGuard } from './catalogue-guard.ts';
import { type Channel, type FetchWrapper, openChannel } from './open-channel.ts';
import { stateWitness } from './state-witness.ts';
import { resolveTrust } from './trust.ts';

/** From the first packet to the last byte of evidence. */
const TIME_LIMIT_MS = 30_000;

/** What the commands need of their process. */
export interface ChannelContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform: NodeJS.Platform;
  readonly signal: AbortSignal;
  readonly lanes?: LaneOptions;
  /** Told the verdict on each new connection, before it is acted on. */
  readonly onResult?: (result: AttestationResult) => void;
  /** One line for people, such as the address for signing in. */
  readonly report: (line: string) => void;
}

/**
 * Makes the channel that `flags` describe. Opens nothing yet.
 *
 * @throws UsageError; RefusedError for a server that is neither pinned nor judged by an explicit policy.
 */
export async function channelFromFlags(url: string, flags: ConnectFlags, context: ChannelContext): Promise<Channel> {
  const home = vitrineHome(context.env, context.platform, homedir());
  const { policy, reference } = flags;
  const root = flags['simulator-root'];
  const ak = flags['tpm-ak'];
  let told = false;
  const proxyFor = proxyFromEnvironment(context.env);
  const signingIn = signIn(url, flags, context, home, proxyFor);
  // Awaited below; until then a failure of the other is the one that counts.
  signingIn.catch(() => {});
  const trust = await resolveTrust(url, {
    home,
    purpose: 'connect',
    allowSimulator: flags['allow-simulator'] === true,
    // Through a client of its own: nothing that the server is sent shares a connection with it.
    fetchEndorsements: onlineEndorsements(home, proxyFor),
    ...(policy === undefined ? {} : { policy: parsePolicy(await read(policy), policy) }),
    ...(reference === undefined
      ? {}
      : { referenceValues: parseDocument(await read(reference), referenceValuesShape, reference) }),
    ...(root === undefined ? {} : { simulatorRootPem: await read(root) }),
    ...(ak === undefined ? {} : { tpmAk: parseTpmAttestationKey(await readBytes(ak), ak) }),
    denyLists: await Promise.all((flags['deny-list'] ?? []).map(readDenyList)),
  });
  return openChannel({
    trust,
    now: () => new Date(),
    timeLimitMs: TIME_LIMIT_MS,
    signal: context.signal,
    ...(context.lanes === undefined ? {} : { lanes: context.lanes }),
    ...(context.onResult === undefined ? {} : { onResult: context.onResult }),
    wrap: [await signingIn],
    onAdmitted(result) {
      if (told) return;
      told = true;
      for (const line of authorityLines(result)) context.report(line);
    },
    witness: stateWitness(trust, pinsFile(home), context.report),
    guard: catalogueGuard(trust, pinsFile(home), context.report),
    proxyFor,
  });
}

async function signIn(
  url: string,
  flags: ConnectFlags,
  { platform, signal, report }: ChannelContext,
  home: string,
  proxyFor: ProxyFor,
): Promise<FetchWrapper> {
  const { signInFromFlags } = await import('../sign-in/from-flags.ts');
  const given = {
    headerFile: flags['header-file'],
    oauthClient: flags['oauth-client'],
    clientMetadataUrl: flags['client-metadata-url'],
    clientCredentials: flags['client-credentials'],
    scope: flags.scope,
    callbackPort: flags['callback-port'],
    noBrowser: flags['no-browser'],
    authCa: flags['auth-ca'],
  };
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return signInFromFlags(present, {
    url,
    home,
    platform,
    proxyFor,
    report,
    now: Date.now,
    random: randomBytes,
    signal,
  });
}

async function read(file: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(file));
}

async function readBytes(file: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(file));
  } catch (cause) {
    throw new UsageError('file.unreadable', `cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}
