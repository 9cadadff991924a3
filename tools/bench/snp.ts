/**
 * An SEV-SNP report of a chip whose certificates were verified before, beside `@tinfoilsh/verifier`
 * 1.1.0 (JavaScript) and beside the one signature over a report. One thread, warmed up.
 *
 * The report is a genuine one of a Genoa processor, since the other verifier knows no root but AMD's.
 * It checks no revocation, and there is no revocation list of AMD's to judge with, so it is waived on
 * this side, too; what a list adds is measured on evidence made for the purpose.
 *
 * @module
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { parseEndorsements, presets, type VerifyOptions, verify } from '@vitrine/verifier';
import { verifyEcdsaP384 } from '../../packages/verifier/src/platform/signatures-node.ts';
import { parseLeaf } from '../../packages/verifier/src/snp/leaf.ts';
import { parseSnpReport, REPORT_BYTES } from '../../packages/verifier/src/snp/parse.ts';
import { verifySnp } from '../../packages/verifier/src/snp/verify-snp.ts';
import { forgeSnp, generateSnpKeys } from '../../packages/verifier/src/testing/forged-snp.ts';
import { missingVectors, readTextVector, readVector } from '../../test/vectors.ts';
import { installedPeers } from '../peers.ts';
import { type Figure, timed } from './statistics.ts';

/** Many short rounds: what else the machine does then falls on both sides. */
const ROUNDS = 101;
const PER_ROUND = 8;
const WARM_UP_ROUNDS = 20;

/** A genuine report inside a paravisor's: 32 bytes of its header come first. */
const EVIDENCE = 'azure-snp/coco-evidence-genoa.json';
const LEAF = 'azure-snp/coco-vcek-genoa.pem';
const HEADER_BYTES = 32;
const AT = new Date('2025-09-06T00:00:00Z');

const NAME = 'SEV-SNP report of a chip that was verified before';

type Bytes = Uint8Array<ArrayBuffer>;

/** What is used of the other verifier. */
interface Theirs {
  /** Its public function. Takes the report as base64 of gzip, the certificate as base64. */
  readonly verifyAttestation: (document: TheirDocument, leaf: string) => Promise<unknown>;
  readonly PredicateType: { readonly SevGuestV2: string };
  readonly Report: new (bytes: Bytes) => object;
  readonly CertificateChain: { fromReport(report: object, leaf: Bytes): Promise<TheirChain> };
  readonly verifyReport: (chain: TheirChain, report: object) => Promise<boolean>;
  readonly validateReport: (report: object, chain: TheirChain, options: object) => void;
  /** The policy of its public function. */
  readonly defaultValidationOptions: { readonly platformInfo: { tsmeEnabled: boolean } };
}

interface TheirDocument {
  readonly format: string;
  readonly body: string;
}

interface TheirChain {
  verifyChain(): Promise<boolean>;
}

async function loadTheirs(): Promise<Theirs> {
  const folder = join(await installedPeers(), 'node_modules', '@tinfoilsh', 'verifier', 'dist');
  const load = <Name extends keyof Theirs>(file: string): Promise<Pick<Theirs, Name>> =>
    import(pathToFileURL(join(folder, file)).href);
  const { verifyAttestation: verifyReport } = (await import(pathToFileURL(join(folder, 'sev', 'verify.js')).href)) as {
    readonly verifyAttestation: Theirs['verifyReport'];
  };
  const theirs: Theirs = {
    ...(await load<'verifyAttestation' | 'PredicateType'>('index.js')),
    ...(await load<'Report'>('sev/report.js')),
    ...(await load<'CertificateChain'>('sev/cert-chain.js')),
    ...(await load<'validateReport' | 'defaultValidationOptions'>('sev/validation.js')),
    verifyReport,
  };
  // The guest of the genuine report runs without TSME, which this policy demands and nothing can change.
  theirs.defaultValidationOptions.platformInfo.tsmeEnabled = false;
  return theirs;
}

function readReport(): Bytes {
  const { report } = JSON.parse(readTextVector(EVIDENCE)) as { readonly report: readonly number[] };
  return Uint8Array.from(report).slice(HEADER_BYTES, HEADER_BYTES + REPORT_BYTES);
}

function readLeaf(): Bytes {
  const [leaf] = parseEndorsements(readVector(LEAF), LEAF);
  if (leaf === undefined || !('certificate' in leaf)) throw new Error(`${LEAF} holds no certificate`);
  return leaf.certificate;
}

/** Milliseconds that one call of each work takes, all of them in turn in each round. */
async function sample<Name extends string>(
  works: Readonly<Record<Name, () => Promise<void>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(works) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const name of names) {
      const total = await timed(async () => {
        for (let count = 0; count < PER_ROUND; count++) await works[name]();
      });
      if (round >= 0) samples[name].push(total / PER_ROUND);
    }
  }
  return samples;
}

function demand(good: boolean): void {
  if (!good) throw new Error('good evidence was refused');
}

async function besideTheirs(): Promise<readonly Figure[]> {
  if (missingVectors !== false) return [{ name: `${NAME} (${missingVectors})`, samples: [], unit: 'ms', target: '' }];
  const report = readReport();
  const leaf = readLeaf();
  const policy = presets['hardware-only'];
  const options: VerifyOptions = {
    policy: { ...policy, snp: { ...policy.snp, revocation: 'any' } },
    now: AT,
    endorsements: [{ certificate: leaf }],
    simulatorAnchors: [],
  };
  const { publicKey } = parseLeaf(leaf).certificate;
  const { signed, signature } = parseSnpReport(report);
  const theirs = await loadTheirs();
  const document: TheirDocument = {
    format: theirs.PredicateType.SevGuestV2,
    body: gzipSync(report).toString('base64'),
  };
  const leafText = Buffer.from(leaf).toString('base64');
  const theirSteps = async (chain: TheirChain): Promise<void> => {
    const theirReport = new theirs.Report(report);
    demand(await theirs.verifyReport(chain, theirReport));
    theirs.validateReport(theirReport, chain, theirs.defaultValidationOptions);
  };
  const kept = await theirs.CertificateChain.fromReport(new theirs.Report(report), leaf);
  const trusting = await theirs.CertificateChain.fromReport(new theirs.Report(report), leaf);
  trusting.verifyChain = async () => true;
  const samples = await sample({
    ours: async () => demand((await verify({ kind: 'raw', bytes: report }, options)).verdict === 'verified'),
    bare: async () => demand(await verifyEcdsaP384(publicKey, signed, signature)),
    theirs: async () => demand((await theirs.verifyAttestation(document, leafText)) !== undefined),
    theirsKept: () => theirSteps(kept),
    theirsTrusting: () => theirSteps(trusting),
  });
  const ratio = (over: readonly number[], under: readonly number[]): readonly number[] =>
    over.map((value, round) => value / (under[round] ?? Number.NaN));
  const row = (name: string, of: readonly number[], unit: Figure['unit'] = 'ms', target = ''): Figure => ({
    name,
    samples: of,
    unit,
    target,
  });
  return [
    row(NAME, samples.ours),
    row('… the signature over the report alone', samples.bare),
    row('… `@tinfoilsh/verifier` 1.1.0, JavaScript, which keeps nothing', samples.theirs),
    row('… times faster', ratio(samples.theirs, samples.ours), '×', 'at least 4 ×'),
    row('… its inner functions, handed certificates that were read before', samples.theirsKept),
    row('… its inner functions, told that the certificates are good', samples.theirsTrusting),
  ];
}

async function withRevocationList(): Promise<readonly Figure[]> {
  const { report, inputs } = forgeSnp(await generateSnpKeys());
  const { ours } = await sample({
    ours: async () =>
      demand(
        (await verifySnp(report, inputs)).checks.every(({ status }) => status !== 'failed' && status !== 'unavailable'),
      ),
  });
  return [
    { name: '… with a revocation list, on evidence made for the purpose', samples: ours, unit: 'ms', target: '' },
  ];
}

export async function benchSnp(): Promise<readonly Figure[]> {
  return [...(await besideTheirs()), ...(await withRevocationList())];
}
