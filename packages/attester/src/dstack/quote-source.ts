/**
 * TDX evidence from the dstack guest agent, with the event log that leads to the application's app-compose, and that
 * document itself.
 *
 * app-compose is what dstack starts: its SHA-256 is the payload of the run-time event `compose-hash`, extended into
 * RTMR3 before `system-ready`. Only events before that one are the platform's; later ones are the application's own.
 *
 * @module
 */
import { createHash } from 'node:crypto';
import { type LaunchDocument, sameBytes, toHex, UsageError, VitrineError } from '@vitrine/documents';
import { parseAppCompose } from '@vitrine/documents/launch';
import { asObject, hexMember, type JsonMembers, readJson, unexpected } from '../http-json.ts';
import type { QuoteSource } from '../quote-source.ts';
import { checkQuoted } from '../tsm/quoted-report-data.ts';
import type { DstackAgent, DstackInfo } from './agent.ts';

const RUNTIME_EVENT = 0x08000001;
const SERVICE = 'the dstack guest agent';

/**
 * The event log is that of the newest quote, so a caller that asks for both must not ask for two quotes at once.
 * There is none before the first quote.
 */
export function dstackQuoteSource(agent: DstackAgent): QuoteSource {
  let eventLog: string | undefined;
  let compose: Uint8Array<ArrayBuffer> | undefined;
  const appCompose = async (): Promise<Uint8Array<ArrayBuffer>> => {
    compose ??= runningAppCompose(await agent.info());
    return compose;
  };
  return {
    technology: 'tdx',
    quote: async (reportData) => {
      const answer = await agent.quote(reportData);
      if (answer.quote.length === 0) throw await noTdx(agent);
      checkQuoted('tdx', answer.quote, reportData);
      requireComposeEvent(answer.eventLog, await appCompose());
      eventLog = answer.eventLog;
      return answer.quote;
    },
    endorsements: async () => undefined,
    eventLog: async () => (eventLog === undefined ? undefined : new TextEncoder().encode(eventLog)),
    launch: async (): Promise<LaunchDocument> => ({ kind: 'app-compose', bytes: Uint8Array.from(await appCompose()) }),
  };
}

/**
 * The bytes of the app-compose that runs.
 *
 * @throws VitrineError `attester.hardware` where the agent does not tell it, or tells another than it started.
 */
export function runningAppCompose(info: DstackInfo): Uint8Array<ArrayBuffer> {
  if (info.appCompose === undefined) {
    throw unexpected(`${SERVICE} does not tell the app-compose that it started ("tcb_info" has no "app_compose")`);
  }
  const bytes = new TextEncoder().encode(info.appCompose);
  const digest = sha256(bytes);
  if (toHex(digest) === info.composeHash) return bytes;
  throw new VitrineError(
    'attester.hardware',
    `${SERVICE} tells an app-compose with SHA-256 ${toHex(digest)}, and started one with ${info.composeHash}; no verifier could match it with the evidence`,
  );
}

/**
 * Whether the platform's part of the log has exactly this app-compose.
 *
 * @throws VitrineError `attester.hardware`
 */
export function requireComposeEvent(eventLog: string, appCompose: Uint8Array): void {
  const found = platformEvents(eventLog).filter((event) => event['event'] === 'compose-hash');
  if (found.length !== 1) {
    throw unexpected(
      `the event log of ${SERVICE} has ${found.length} events "compose-hash" before "system-ready"; expected one`,
    );
  }
  const payload = hexMember(found[0] as JsonMembers, 'event_payload', 'the event "compose-hash"');
  if (sameBytes(payload, sha256(appCompose))) return;
  throw new VitrineError(
    'attester.hardware',
    `${SERVICE} measured an app-compose with SHA-256 ${toHex(payload)}, and tells another, with ${toHex(sha256(appCompose))}`,
  );
}

/** Run-time events before `system-ready`, which must be there. */
function platformEvents(eventLog: string): readonly JsonMembers[] {
  const what = `the event log of ${SERVICE}`;
  const list = readJson(eventLog, what);
  if (!Array.isArray(list)) throw unexpected(`${what} is not a list`);
  const runtime = list
    .map((event) => asObject(event, `an event in ${what}`))
    .filter((event) => event['event_type'] === RUNTIME_EVENT);
  const ready = runtime.findIndex((event) => event['event'] === 'system-ready');
  if (ready < 0) throw unexpected(`${what} has no event "system-ready": the machine has not finished starting`);
  return runtime.slice(0, ready);
}

/**
 * At start: the app-compose that runs must name the manifest that is about to be served, since it is how a verifier
 * gets from the evidence to the manifest.
 *
 * @param manifestDigest - SHA-384 of the manifest, hexadecimal.
 * @throws LaunchError for an app-compose of a form that no verifier reads; UsageError `attester.other-manifest`.
 */
export async function requireComposeNames(appCompose: Uint8Array, manifestDigest: string): Promise<void> {
  const named = parseAppCompose(appCompose).manifestDigest;
  if (named === manifestDigest) return;
  throw new UsageError(
    'attester.other-manifest',
    `the app-compose that runs names the manifest ${named}, and the manifest here has the digest ${manifestDigest}; deploy an app-compose that is made for this manifest (its VITRINE_MANIFEST_DIGEST), or start with the manifest that it names`,
  );
}

async function noTdx(agent: DstackAgent): Promise<VitrineError> {
  const { platform } = await agent.info();
  return new VitrineError(
    'attester.hardware',
    `${SERVICE} returned no TDX quote: this machine${platform === '' ? '' : ` (${platform})`} is none with TDX. Of dstack's platforms only TDX is supported; the evidence in dstack's own form that it offers instead is not read`,
  );
}

function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(createHash('sha256').update(bytes).digest());
}
