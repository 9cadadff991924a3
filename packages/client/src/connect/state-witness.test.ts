import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createEvidenceService } from '@vitrine/attester';
import { type EvidenceBundle, formatEvidenceBundle, type Manifest, manifestDigest } from '@vitrine/documents';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { describeRefusal } from '../errors.ts';
import { makePin } from '../pins/pin.ts';
import { findPin, pinsFile, recordState, writePin } from '../pins/pins-store.ts';
import { furtherState, requireNotBehind, type SealedState } from '../pins/sealed-state.ts';
import { MANIFEST, type SimulatedEnclave, simulatedEnclave } from '../testing/evidence.ts';
import { serveMcp } from '../testing/mcp-server.ts';
import { exactPin, lasting, verifiedResult } from '../testing/pin-fixtures.ts';
import { type AttestContext, reply, startTestServer, type TestServer } from '../testing/tls-server.ts';
import { requireTrust } from './judge.ts';
import { stateWitness } from './state-witness.ts';
import { resolveTrust, type Trust } from './trust.ts';
import { verifyUrl } from './verify-url.ts';

const LIMIT = { timeLimitMs: 10_000 };
const now = (): Date => new Date();
const LASTING: Manifest = { ...MANIFEST, store: 'sealed' };
const at = (sequence: number, digits = 'd0'): SealedState => ({ sequence, digest: digits.repeat(32) });
const ROOT = 'aa'.repeat(32);
const SOURCE = {
  kind: 'simulator',
  boundTo: 'a file',
  derivableBy: ['whoever reads it'],
  survivesUpgrade: true,
  sharedByReplicas: false,
} as const;

describe('a step', () => {
  const refusal = (seen: SealedState | undefined, found: SealedState | undefined): string | undefined => {
    try {
      requireNotBehind(seen, found);
      return undefined;
    } catch (error) {
      expect(error).toMatchObject({ check: 'pin.state-older' });
      return (error as Error).message;
    }
  };

  promise('P4', 'that is behind, the same with another digest, or not stated is refused with both numbers', () => {
    expect(refusal(at(9), at(4))).toBe(
      "the server's keys and data are at step 4, and you have seen step 9: the operator put back an older copy of them, or another copy answers",
    );
    expect(refusal(at(9), at(9, 'd1'))).toContain('are at step 9 as you have seen it, and not the same');
    expect(refusal(at(9), undefined)).toContain('you have seen step 9');
    expect(refusal(at(0), at(0, 'd1'))).toBeDefined();
  });

  promise('P4', 'that is further, the same, or the first is fine', () => {
    expect(refusal(at(9), at(10, 'd1'))).toBeUndefined();
    expect(refusal(at(9), at(9))).toBeUndefined();
    expect(refusal(undefined, at(0))).toBeUndefined();
    expect(refusal(undefined, undefined)).toBeUndefined();
    expect(furtherState(at(3), at(4))).toEqual(at(4));
    expect(furtherState(at(4), at(4, 'd1'))).toEqual(at(4));
    expect(furtherState(undefined, at(0))).toEqual(at(0));
  });
});

interface Served {
  readonly enclave: SimulatedEnclave;
  readonly server: TestServer;
  readonly file: string;
  readonly url: string;
}

/** A server whose evidence says what `state` says when it is asked. */
async function serving(
  state: () => SealedState | Promise<SealedState>,
  test: (served: Served) => Promise<void>,
  root: () => string = () => ROOT,
): Promise<void> {
  await using enclave = await simulatedEnclave();
  const evidence = async ({ nonce, exporter, identity }: AttestContext): Promise<EvidenceBundle> => {
    const service = await createEvidenceService({
      source: enclave.simulator.launch(await manifestDigest(LASTING)),
      manifest: LASTING,
      tlsSpki: identity.spkiSha256,
      sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
      randomBytes,
      keys: {
        hpkeKey: randomBytes(32),
        receiptKey: randomBytes(32),
        appRoot: { id: root(), sources: [SOURCE], copies: 'unbounded' },
      },
      state: async () => state(),
    });
    return service.channel({ nonce, exporter, leafSpki: identity.spkiSha256 });
  };
  await using server = await startTestServer({
    attest: async (context) => reply(formatEvidenceBundle(await evidence(context))),
    serve: serveMcp,
  });
  const file = pinsFile(enclave.home);
  const look = await resolveTrust(server.url, { home: enclave.home, purpose: 'pin', allowSimulator: true });
  const { result } = await verifyUrl(look, { ...LIMIT, now });
  await writePin(file, look.url, makePin(result, { policy: 'default', simulated: true, now: now() }));
  await test({ enclave, server, file, url: look.url });
}

const trustOf = ({ enclave, server }: Served): Promise<Trust> =>
  resolveTrust(server.url, { home: enclave.home, purpose: 'connect' });

/** One attested connection; gives what happened to it. */
async function connect(served: Served, trust: Trust, said: string[] = []): Promise<unknown> {
  const witness = stateWitness(trust, served.file, (line) => said.push(line));
  const { prepare, close } = attestedFetch(served.server.url, requireTrust(trust, now, { witness }), LIMIT);
  try {
    await prepare();
    return 'admitted';
  } catch (error) {
    return describeRefusal(error) ?? error;
  } finally {
    await close();
  }
}

const stored = async ({ file, url }: Served): Promise<SealedState | undefined> => {
  const pin = await findPin(file, url);
  return pin?.mode === 'exact' ? pin.state : undefined;
};

describe('a client', () => {
  promise('P4', 'remembers the furthest step, and refuses less before any byte of MCP', async () => {
    let state = at(5);
    await serving(
      () => state,
      async (served) => {
        expect(await stored(served)).toEqual(at(5));
        state = at(7, 'd1');
        expect(await connect(served, await trustOf(served))).toBe('admitted');
        expect(await stored(served)).toEqual(at(7, 'd1'));
        for (const older of [at(6), at(5), at(0), at(7)]) {
          state = older;
          expect(await connect(served, await trustOf(served))).toMatchObject({
            check: 'pin.state-older',
            verdict: 'rejected',
            exitCode: 1,
            details: [expect.stringMatching(/^keys and data: seen at step 7 \(/)],
          });
        }
        expect(await stored(served)).toEqual(at(7, 'd1'));
        expect(served.server.otherBytes()).toBe(0);
        state = at(8);
        expect(await connect(served, await trustOf(served))).toBe('admitted');
      },
    );
  });

  promise('P4', 'writes nothing where nothing is new', async () => {
    await serving(
      () => at(5),
      async (served) => {
        const { ino } = await stat(served.file);
        for (let count = 0; count < 3; count += 1) {
          expect(await connect(served, await trustOf(served))).toBe('admitted');
        }
        expect((await stat(served.file)).ino).toBe(ino);
      },
    );
  });

  promise('P4', 'knows at its next connection what another process has seen', async () => {
    let state = at(5);
    await serving(
      () => state,
      async (served) => {
        const trust = await trustOf(served);
        const witness = stateWitness(trust, served.file);
        const judge = requireTrust(trust, now, { witness });
        const once = async (): Promise<unknown> => {
          const { prepare, close } = attestedFetch(served.server.url, judge, LIMIT);
          try {
            await prepare();
            return 'admitted';
          } catch (error) {
            return describeRefusal(error)?.check ?? error;
          } finally {
            await close();
          }
        };
        expect(await once()).toBe('admitted');
        await recordState(served.file, served.url, await pinOf(served), at(9));
        state = at(8);
        expect(await once()).toBe('pin.state-older');
        state = at(9);
        expect(await once()).toBe('admitted');
      },
    );
  });

  promise('P4', 'does not take what was asked for before for what is older', async () => {
    let step = 5;
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    let asked = 0;
    await serving(
      async () => {
        // The first connection gets its evidence at once, and it arrives after that of the second.
        asked += 1;
        const mine = at(step);
        step += 1;
        if (asked === 2) await gate;
        return mine;
      },
      async (served) => {
        const trust = await trustOf(served);
        const slow = connect(served, trust);
        while (asked < 2) await new Promise((resolve) => setImmediate(resolve));
        expect(await connect(served, trust)).toBe('admitted');
        expect(await stored(served)).toEqual(at(7));
        open();
        expect(await slow).toBe('admitted');
        expect(await stored(served)).toEqual(at(7));
      },
    );
  });

  promise('P4', 'holds a server to it also where reference values take the place of the pin', async () => {
    let state = at(5);
    await serving(
      () => state,
      async (served) => {
        const referenceValues = await served.enclave.referenceValues(LASTING);
        const options = { home: served.enclave.home, purpose: 'connect', referenceValues } as const;
        expect(await connect(served, await resolveTrust(served.server.url, options))).toBe('admitted');
        state = at(4);
        expect(await connect(served, await resolveTrust(served.server.url, options))).toMatchObject({
          check: 'pin.state-older',
        });
      },
    );
  });

  promise('P4', 'takes another root for another server, and never for one with a newer state', async () => {
    let root = ROOT;
    await serving(
      () => at(99),
      async (served) => {
        root = 'bb'.repeat(32);
        expect(await connect(served, await trustOf(served))).toMatchObject({ check: 'pin.app-root' });
        expect(await stored(served)).toEqual(at(99));
      },
      () => root,
    );
  });

  promise(
    'P4',
    'says what it could not remember, and still compares',
    async () => {
      const state = at(5);
      await serving(
        () => state,
        async (served) => {
          const trust = await trustOf(served);
          const text = await readFile(served.file, 'utf8');
          const lines: string[] = [];
          const witness = stateWitness(trust, served.file, (line) => lines.push(line));
          if (witness === undefined) throw new Error('no witness');
          await writeFile(served.file, 'damaged');
          await witness.take(at(5), verifiedResult({ claims: lasting(6) }));
          await writeFile(served.file, text);
          expect(lines.join()).toContain('is not remembered');
          expect(await readFile(served.file, 'utf8')).toBe(text);
          await expect(
            witness.take(await witness.seen(), verifiedResult({ claims: lasting(5) })),
          ).rejects.toMatchObject({
            check: 'pin.state-older',
          });
        },
      );
    },
    60_000,
  );
});

async function pinOf({
  file,
  url,
}: Served): ReturnType<typeof findPin> extends Promise<infer P> ? Promise<NonNullable<P>> : never {
  const pin = await findPin(file, url);
  if (pin === undefined) throw new Error('no pin');
  return pin;
}

describe('what is stored', () => {
  const URL_A = 'https://bank.example/mcp';

  promise('P4', 'never goes back, whoever writes last', async () => {
    await using enclave = await simulatedEnclave();
    const file = pinsFile(enclave.home);
    const pin = exactPin({ claims: lasting(1) });
    await writePin(file, URL_A, pin);
    await Promise.all([4, 9, 2, 7, 5].map((sequence) => recordState(file, URL_A, pin, at(sequence))));
    expect(await findPin(file, URL_A)).toEqual({ ...pin, state: at(9) });
    await expect(recordState(file, URL_A, pin, at(9, 'd1'))).rejects.toMatchObject({ check: 'pin.state-older' });
    await recordState(file, URL_A, exactPin({ claims: lasting(99, 'd0', 'bb') }), at(99));
    await recordState(file, 'https://other.example/', pin, at(99));
    expect(await findPin(file, URL_A)).toEqual({ ...pin, state: at(9) });
  });

  promise('P4', 'is not undone by pinning again, as long as the root is the same', async () => {
    await using enclave = await simulatedEnclave();
    const file = pinsFile(enclave.home);
    await writePin(file, URL_A, exactPin({ claims: lasting(9) }));
    for (const older of [lasting(8), lasting(9, 'd1')]) {
      await expect(writePin(file, URL_A, exactPin({ claims: older }))).rejects.toMatchObject({
        check: 'pin.state-older',
      });
    }
    const next = exactPin({ manifest: { number: 4 }, claims: lasting(10) });
    await writePin(file, URL_A, next);
    const other = exactPin({ manifest: { number: 4 }, claims: lasting(0, 'd0', 'bb') });
    await writePin(file, URL_A, other);
    expect(await findPin(file, URL_A)).toEqual(other);
  });

  promise('P4', 'is nothing for a server without anything that lasts', async () => {
    await using enclave = await simulatedEnclave();
    const file = pinsFile(enclave.home);
    await writePin(file, URL_A, exactPin());
    const trust = await resolveTrust(URL_A, { home: enclave.home, purpose: 'connect' });
    expect(stateWitness(trust, file)).toBeUndefined();
    expect(stateWitness({ ...trust, remembered: undefined }, file)).toBeUndefined();
  });
});
