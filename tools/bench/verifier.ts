/**
 * TDX v4 verification with collateral, beside `@phala/dcap-qvl` 0.3.9 (JavaScript), on the same
 * simulated evidence under the same roots, and beside the bare signature checks that one quote needs.
 * One thread, warmed up.
 *
 * The verifier remembers what it found good. So the uncached rows go in turn through more machines,
 * each under a PKI of its own, than it remembers anything of, and all sides go through the same ones;
 * the repeated rows are new quotes of one machine whose endorsements and certificates were seen
 * before. The list of revoked certificates is as long as Intel's.
 *
 * A quote and its endorsements have ten signatures. Nine are computed: a root that is an anchor's
 * certificate byte by byte is not asked for its signature over itself. Both numbers are printed, by
 * the function that the verifier calls, which imports a key where it does not have it from the last
 * thirty-two.
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

const ROUNDS = 25;
const PER_ROUND = 40;
/** More than certificate chains are remembered; see `packages/verifier/src/dcap/platform.ts`. */
const MACHINES = 300;
const WARM_UP_LAPS = 2;
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

interface Signatures {
  /** Those that the verifier computes. */
  readonly computed: readonly Signature[];
  /** All that a quote and its endorsements consist of. */
  readonly all: readonly Signature[];
}

function signaturesOf({ pki, quote, collateral }: Machine): Signatures {
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
  const computed = [
    by(intermediate.publicKey, leaf),
    by(root.publicKey, intermediate),
    by(root.publicKey, signer),
    by(root.publicKey, list(collateral.root_ca_crl)),
    by(intermediate.publicKey, list(collateral.pck_crl)),
    text(collateral.tcb_info, collateral.tcb_info_signature),
    text(collateral.qe_identity, collateral.qe_identity_signature),
    by(leaf.publicKey, { signed: envelope.qeReport.bytes, signature: envelope.qeReportSignature }),
    by(envelope.attestationKey, envelope),
  ];
  return { computed, all: [...computed, by(root.publicKey, root)] };
}

export async function benchVerifier(): Promise<readonly Figure[]> {
  const now = new Date();
  const machines = Array.from({ length: MACHINES }, () => machine(now));
  const bare = machines.map(signaturesOf);
  const others = machines.map(({ pki }) => QuoteVerifier.newWithRootCa(Buffer.from(pki.root.der)));
  const own = machine(now);
  const attestationKey = generateKeyPair();
  const repeated = Array.from({ length: PER_ROUND }, () =>
    forgeQuote(own.pki, { attestationKey, reportData: randomBytes(64) }),
  );
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
  /** Work on one machine after the other. */
  const inTurn = (work: (index: number) => unknown): (() => unknown) => {
    let turn = 0;
    return () => work(turn++ % MACHINES);
  };
  const uncached = inTurn((index) => {
    const { quote, options } = machines[index] as Machine;
    return judge(quote, options);
  });
  const again = (index: number): Promise<void> => judge(repeated[index] as Bytes, own.options);
  const check = (which: keyof Signatures): (() => unknown) =>
    inTurn(async (index) => {
      for (const { key, text, signature } of (bare[index] as Signatures)[which]) {
        if (!(await verifyEcdsaP256(key, text, signature))) throw new Error('a signature is not good');
      }
    });
  const [checkComputed, checkAll] = [check('computed'), check('all')];
  const theirWork = inTurn((index) => {
    const { quote, collateral } = machines[index] as Machine;
    const { status } = (others[index] as QuoteVerifier).verify(Buffer.from(quote), collateral, seconds);
    if (status !== 'UpToDate') throw new Error(`unexpected status ${status}`);
  });
  const work = { first: uncached, computed: checkComputed, all: checkAll, theirs: theirWork, same: again } as const;
  type Side = keyof typeof work;
  const sides = Object.keys(work) as readonly Side[];
  // All sides get compiled, and have met every machine, before anything counts.
  for (let count = 0; count < WARM_UP_LAPS * MACHINES; count++) {
    for (const side of sides) await work[side](count % PER_ROUND);
  }
  const samples: Record<Side, number[]> = { first: [], computed: [], all: [], theirs: [], same: [] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of sides) samples[side].push(await each(work[side]));
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
    { name: '… its nine signature checks alone', samples: samples.computed, unit: 'ms', target: '' },
    {
      name: '… verification as a multiple of them',
      samples: ratio(samples.first, samples.computed),
      unit: '×',
      target: 'at most 1.6 ×',
    },
    { name: '… the same with the root’s signature over itself', samples: samples.all, unit: 'ms', target: '' },
    {
      name: '… verification as a multiple of these ten',
      samples: ratio(samples.first, samples.all),
      unit: '×',
      target: '',
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
