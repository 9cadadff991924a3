/**
 * What the supervisor does for a hand-over of the root of keys: carries messages, and brings endorsements that the
 * two key services cannot fetch themselves. It is trusted with none of it.
 *
 * @module
 */
import { request } from 'node:https';
import { onlineEndorsements } from '@vitrine/client/online-endorsements';
import { proxyFromEnvironment } from '@vitrine/client/proxy-environment';
import { type Endorsements, parseEvidenceBundle, UsageError } from '@vitrine/documents';
import { type HandoverExchange, type RelaySend, relayHandover } from '@vitrine/keys/client';
import { type Endorsement, endorsementsDocument, presets, verify } from '@vitrine/verifier';

const ANSWER_MS = 60_000;

export interface HandoverFlags {
  readonly 'handover-from'?: string;
  readonly 'expect-root'?: string;
  readonly genesis?: boolean;
}

/** How the root comes from another enclave, where the flags say so. */
export interface HandoverWay {
  readonly exchange: HandoverExchange;
  /** The only root that is taken, 64 hexadecimal digits. */
  readonly expectAppRoot?: string;
}

/** @throws UsageError `usage.handover`. */
export function handoverWay(flags: HandoverFlags, home: string): HandoverWay | undefined {
  const { 'handover-from': from, 'expect-root': expected } = flags;
  if (expected !== undefined && !/^[0-9a-f]{64}$/.test(expected)) {
    throw new UsageError(
      'usage.handover',
      `--expect-root: expected the 64 hexadecimal digits that "vitrine keys ls" shows, found ${JSON.stringify(expected)}`,
    );
  }
  if (from === undefined) {
    if (expected === undefined) return undefined;
    throw new UsageError('usage.handover', '--expect-root is for --handover-from: it says which root is taken');
  }
  if (flags.genesis === true) {
    throw new UsageError(
      'usage.handover',
      '--genesis makes a root, and --handover-from takes one that is there; give one of both',
    );
  }
  if (!URL.canParse(from) || new URL(from).protocol !== 'https:') {
    throw new UsageError(
      'usage.handover',
      `--handover-from: expected the https URL of the enclave that has the root, found ${JSON.stringify(from)}`,
    );
  }
  return {
    exchange: relayHandover(from, send, { endorsementsFor: endorsementsFor(home) }),
    ...(expected === undefined ? {} : { expectAppRoot: expected }),
  };
}

/** Endorsements for evidence, the text of a bundle; signed by vendors, so whoever brings them can at most withhold them. */
export function endorsementsFor(home: string): (evidence: string) => Promise<Endorsements | undefined> {
  const fetcher = onlineEndorsements(home, proxyFromEnvironment(process.env));
  return async (evidence) => {
    const fetched: Endorsement[] = [];
    await verify(
      { kind: 'bundle', bundle: parseEvidenceBundle(evidence) },
      {
        policy: presets.default,
        now: new Date(),
        endorsements: [],
        simulatorAnchors: [],
        fetchEndorsements: async (platform) => {
          fetched.push(...(await fetcher(platform)));
          return fetched;
        },
      },
    );
    return endorsementsDocument(fetched);
  };
}

/** Whatever certificate the other side has: what passes is secured between the two key services. */
const send: RelaySend = (url, body, maxBytes) => {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<RelaySend>>>();
  const sent = request(
    url,
    {
      method: 'POST',
      agent: false,
      rejectUnauthorized: false,
      signal: AbortSignal.timeout(ANSWER_MS),
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    },
    (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > maxBytes) response.destroy(new Error(`the answer is longer than ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
      response.on('error', reject);
    },
  );
  sent.on('error', reject);
  sent.end(body);
  return promise;
};
