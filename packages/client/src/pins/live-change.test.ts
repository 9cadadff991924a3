import { formatEvidenceBundle, type Manifest } from '@vitrine/documents';
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { attestedFetch } from '../channel/attested-fetch.ts';
import { requireTrust } from '../connect/judge.ts';
import { resolveTrust } from '../connect/trust.ts';
import { verifyUrl } from '../connect/verify-url.ts';
import { describeRefusal } from '../errors.ts';
import { MANIFEST, simulatedEnclave } from '../testing/evidence.ts';
import { serveMcp } from '../testing/mcp-server.ts';
import { reply, startTestServer } from '../testing/tls-server.ts';
import { makePin } from './pin.ts';
import { pinsFile, writePin } from './pins-store.ts';

const LIMIT = { timeLimitMs: 10_000 };
const now = (): Date => new Date();

promise(
  'P2',
  'a live server that changed is refused before the first byte, and the refusal says what changed',
  async () => {
    await using enclave = await simulatedEnclave();
    let manifest: Manifest = MANIFEST;
    await using server = await startTestServer({
      attest: async (context) => reply(formatEvidenceBundle(await enclave.evidence(context, manifest))),
      serve: serveMcp,
    });
    const first = await resolveTrust(server.url, { home: enclave.home, purpose: 'pin', allowSimulator: true });
    const { result } = await verifyUrl(first, { ...LIMIT, now });
    const pin = makePin(result, { policy: 'default', simulated: true, now: now() });
    await writePin(pinsFile(enclave.home), first.url, pin);

    const outcome = async (): Promise<unknown> => {
      const trust = await resolveTrust(server.url, { home: enclave.home, purpose: 'connect' });
      const { prepare, close } = attestedFetch(server.url, requireTrust(trust, now), LIMIT);
      try {
        await prepare();
        return 'admitted';
      } catch (error) {
        return describeRefusal(error);
      } finally {
        await close();
      }
    };
    expect(await outcome()).toBe('admitted');

    manifest = { ...MANIFEST, number: 4, server: { ...MANIFEST.server, environment: { LIMIT: '\u001b[1m1' } } };
    expect(await outcome()).toMatchObject({
      check: 'workload.reference',
      verdict: 'rejected',
      exitCode: 1,
      details: expect.arrayContaining([
        'configuration: manifest number: 3 -> 4',
        'configuration: environment.LIMIT: absent -> "\\u001b[1m1"',
      ]),
    });
    expect(server.otherBytes()).toBe(0);
  },
);
