import { encodePem } from '@vitrine/attester';
import { type AttestationResult, VerificationError } from '@vitrine/verifier';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { describeCertificate, issueCertificate } from '../../../simulator/src/certificate.ts';
import { generateKeyPair } from '../../../simulator/src/keys.ts';
import { RefusedError } from '../errors.ts';
import { hollowBundle } from '../testing/evidence.ts';
import { reply, startTestServer, type TestServerOptions } from '../testing/tls-server.ts';
import { openAttestedSocket } from './attested-socket.ts';
import { nameInterception } from './interception.ts';

const bundle = await hollowBundle();
const LIMIT = { timeLimitMs: 10_000 };

/** What a TLS-inspecting proxy presents: a certificate of its own authority. */
function inspecting(): { readonly cert: string; readonly key: string } {
  const authority = generateKeyPair();
  const key = generateKeyPair();
  const { der } = issueCertificate(
    describeCertificate({
      issuer: [['CN', 'Corporate TLS \u001b[31mInspection']],
      subject: [['CN', 'bank.example']],
      notBefore: new Date('2026-01-01T00:00:00Z'),
      notAfter: new Date('2036-01-01T00:00:00Z'),
      key,
      signer: authority,
      extensions: [],
    }),
  );
  return {
    cert: encodePem('CERTIFICATE', der),
    key: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** A judge that finds the evidence to be about another key. */
async function otherKey(): Promise<never> {
  const message = 'The evidence is about another TLS key than the one on this connection.';
  const result = {
    verdict: 'rejected',
    decidedBy: 'channel.live',
    checks: [{ id: 'channel.live', status: 'failed', anchor: 'caller', message }],
  } as unknown as AttestationResult;
  throw new VerificationError(message, result);
}

async function refusal(options: TestServerOptions, judge: () => Promise<unknown> = otherKey): Promise<unknown> {
  await using server = await startTestServer(options);
  const error = await openAttestedSocket(new URL(server.url), judge, LIMIT).then(
    ({ socket }) => socket.destroy(),
    (caught: unknown) => caught,
  );
  expect(server.otherBytes()).toBe(0);
  return error;
}

describe('an intercepted connection', () => {
  promise('P7', 'whose evidence is about another key is named, by who issued its certificate', async () => {
    const error = await refusal({ attest: async () => reply(bundle), tls: inspecting() });
    expect(error).toBeInstanceOf(VerificationError);
    const { message, result } = error as VerificationError;
    expect(message).toMatch(/is being intercepted .* issued by "Corporate TLS .*Inspection".*TLS inspection/);
    expect(message).not.toContain('\u001b');
    expect(result.decidedBy).toBe('channel.live');
    expect(result.checks[0]?.message).toContain('TLS inspection');
  });

  promise('P7', 'that has no evidence endpoint may also be no Vitrine server', async () => {
    const error = await refusal({ attest: async () => reply('', '404 Not Found'), tls: inspecting() });
    expect(error).toMatchObject({
      check: 'channel.endpoint',
      message: expect.stringMatching(/either 127\.0\.0\.1:\d+ is no Vitrine server, or .*exempt/),
    });
  });

  promise('P7', 'over older TLS is named by a second look at its certificate', async () => {
    const tls = { ...inspecting(), minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
    const error = await refusal({ attest: async () => undefined, tls });
    expect(error).toMatchObject({ check: 'channel.tls', message: expect.stringMatching(/Corporate TLS .*Inspection/) });
  });

  promise('P7', 'is not suspected where the server made its certificate itself', async () => {
    const error = await refusal({ attest: async () => reply(bundle) });
    expect((error as Error).message).not.toContain('intercepted');
    const old = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } as const;
    expect(((await refusal({ attest: async () => undefined, tls: old })) as Error).message).not.toContain(
      'intercepted',
    );
  });

  promise('P7', 'is no excuse for another finding: that error stays as it is', () => {
    for (const error of [new RefusedError('pin.missing', 'x'), new Error('defect'), 'text']) {
      expect(nameInterception(error, 'Someone', 'bank.example')).toBe(error);
    }
  });
});
