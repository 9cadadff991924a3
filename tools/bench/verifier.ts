/**
 * TDX v4 verification with collateral, beside `@phala/dcap-qvl` 0.3.9 (JavaScript), on the same
 * simulated evidence and the same root, and beside the bare signature checks that one quote needs.
 * One thread, warmed up.
 *
 * The verifier remembers what it found good. So the uncached rows go in turn through more machines,
 * each under a PKI of its own, than it remembers anything of; the repeated rows are new quotes of
 * one machine whose endorsements and certificates were seen before. The list of revoked certificates
 * is as long as Intel's.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { QuoteVerifier } from '@phala/dcap-qvl';
import { type DcapCollateral, fromHex } from '@vitrine/documents';
import {
  type CollateralChanges,
  type ForgedPki,
  forgeCollateral,
  forgePki,
  forgeQuote,
  generateKeyPair,
  revokedEntry,
} from '@vitrine/simulator/faults';
import { presets, simulatorAnchor, type VerifyOptions, verify } from '@vitrine/verifier';
import { verifyEcdsaP256 } from '../../packages/verifier/src/platform/crypto-node.ts';
import { parseTdxQuote } from '../../packages/verifier/src/tdx/parse.ts';
import { parseCertificate } from '../../packages/verifier/src/x509/certificate.ts';
import { parseRevocationList } from '../../packages/verifier/src/x509/crl.ts';
import { type Figure, timed } from './statistics.ts';

const ROUNDS = 9;
const PER_ROUND = 40;
/** More than certificate chains are remembered; see `packages/verifier/src/dcap/platform.ts`. */
const MACHINES = 300;
const WARM_UP_ROUNDS = 3;
/** Intel's list of the platform CA has 44 to 57 entries. */
const REVOKED = 50;

type Bytes = Uint8Array<ArrayBuffer>;

interface Machine {
  readonly pki: ForgedPki;
  readonly quote: Bytes;
  readonly collateral: DcapCollateral;
  readonly options: VerifyOptions;
}

interface Signature {
  readonly key: Bytes;
  readonly text: Bytes;
  readonly signature: Bytes;
}

const listed: CollateralChanges = {
  pckCrl: (good) => ({
    ...good,
    revoked: Array.from({ length: REVOKED }, () =>
      revokedEntry(Uint8Array.from([0x40, ...randomBytes(19)]), good.thisUpdate),
    ),
  }),
};

function machine(now: Date): Machine {
  const pki = forgePki({ now });
  const collateral = forgeCollateral(pki, listed);
  const simulatorAnchors = [simulatorAnchor(pki.rootPem)];
  const options = { policy: presets['hardware-only'], now, endorsements: [collateral], simulatorAnchors };
  return { pki, quote: forgeQuote(pki), collateral, options };
}

/** The ten signatures that a quote and its endorsements consist of. */
function signaturesOf({ pki, quote, collateral }: Machine): readonly Signature[] {
  const read = (der: Uint8Array): ReturnType<typeof parseCertificate> =>
    parseCertificate(Uint8Array.from(der), 'bench');
  const [leaf, intermediate, root, signer] = [pki.pck, pki.intermediate, pki.root, pki.tcbSigning].map(({ der }) =>
    read(der),
  ) as [ReturnType<typeof read>, ReturnType<typeof read>, ReturnType<typeof read>, ReturnType<typeof read>];
  const list = (hex: string): ReturnType<typeof parseRevocationList> =>
    parseRevocationList(fromHex(hex) ?? new Uint8Array(), 'bench');
  const by = (key: Bytes, { signed, signature }: { readonly signed: Bytes; readonly signature: Bytes }): Signature => ({
    key,
    text: signed,
    signature,
  });
  const text = (signed: string, hex: string): Signature =>
    by(signer.publicKey, { signed: new TextEncoder().encode(signed), signature: fromHex(hex) ?? new Uint8Array() });
  const { envelope } = parseTdxQuote(quote);
  return [
    by(intermediate.publicKey, leaf),
    by(root.publicKey, intermediate),
    by(root.publicKey, root),
    by(root.publicKey, signer),
    by(root.publicKey, list(collateral.root_ca_crl)),
    by(intermediate.publicKey, list(collateral.pck_crl)),
    text(collateral.tcb_info, collateral.tcb_info_signature),
    text(collateral.qe_identity, collateral.qe_identity_signature),
    by(leaf.publicKey, { signed: envelope.qeReport.bytes, signature: envelope.qeReportSignature }),
    by(envelope.attestationKey, envelope),
  ];
}

export async function benchVerifier(): Promise<readonly Figure[]> {
  const now = new Date();
  const machines = Array.from({ length: MACHINES }, () => machine(now));
  const bare = machines.slice(0, PER_ROUND).map(signaturesOf);
  const own = machine(now);
  const attestationKey = generateKeyPair();
  const repeated = Array.from({ length: PER_ROUND }, () =>
    forgeQuote(own.pki, { attestationKey, reportData: randomBytes(64) }),
  );
  const theirs = QuoteVerifier.newWithRootCa(Buffer.from(own.pki.root.der));
  const seconds = Math.floor(now.getTime() / 1000);

  const each = async (work: (index: number) => unknown): Promise<number> => {
    const total = await timed(async () => {
      for (let count = 0; count < PER_ROUND; count++) await work(count);
    });
    return total / PER_ROUND;
  };
  const judge = async (bytes: Bytes, options: VerifyOptions): Promise<void> => {
    const { verdict } = await verify({ kind: 'raw', bytes }, options);
    if (verdict !== 'simulated') throw new Error(`unexpected verdict ${verdict}`);
  };
  let turn = 0;
  const uncached = (): Promise<void> => {
    const { quote, options } = machines[turn++ % MACHINES] as Machine;
    return judge(quote, options);
  };
  const again = (index: number): Promise<void> => judge(repeated[index] as Bytes, own.options);
  const checkBare = async (index: number): Promise<void> => {
    for (const { key, text, signature } of bare[index] as readonly Signature[]) {
      if (!(await verifyEcdsaP256(key, text, signature))) throw new Error('a signature is not good');
    }
  };
  const theirWork = (): void => {
    const { status } = theirs.verify(Buffer.from(own.quote), own.collateral, seconds);
    if (status !== 'UpToDate') throw new Error(`unexpected status ${status}`);
  };
  // All sides get compiled before anything counts.
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    for (let count = 0; count < MACHINES; count++) await uncached();
    for (const work of [again, checkBare, theirWork]) await each(work);
  }
  const samples = { first: [], same: [], bare: [], theirs: [] } as Record<
    'first' | 'same' | 'bare' | 'theirs',
    number[]
  >;
  for (let round = 0; round < ROUNDS; round++) {
    samples.first.push(await each(uncached));
    samples.bare.push(await each(checkBare));
    samples.theirs.push(await each(theirWork));
    samples.same.push(await each(again));
  }
  const ratio = (over: readonly number[], under: readonly number[]): readonly number[] =>
    over.map((value, round) => value / (under[round] ?? Number.NaN));
  return [
    {
      name: 'TDX v4 verification with collateral, nothing seen before',
      samples: samples.first,
      unit: 'ms',
      target: '',
    },
    { name: '… its ten signature checks alone', samples: samples.bare, unit: 'ms', target: '' },
    {
      name: '… verification as a multiple of them',
      samples: ratio(samples.first, samples.bare),
      unit: '×',
      target: 'at most 1.6 ×',
    },
    { name: '… `@phala/dcap-qvl` 0.3.9, JavaScript', samples: samples.theirs, unit: 'ms', target: '' },
    {
      name: '… times faster',
      samples: ratio(samples.theirs, samples.first),
      unit: '×',
      target: 'at least 4 ×',
    },
    { name: 'TDX v4, new quote of a machine that was verified before', samples: samples.same, unit: 'ms', target: '' },
    {
      name: '… times faster than `@phala/dcap-qvl`',
      samples: ratio(samples.theirs, samples.same),
      unit: '×',
      target: 'at least 20 ×',
    },
  ];
}
