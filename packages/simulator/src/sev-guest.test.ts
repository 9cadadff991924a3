import { createPublicKey, randomBytes, verify, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type DerivedKeyRequest,
  type QuoteSource,
  readCertificateTable,
  snpDerivedKeySource,
  tsmQuoteSource,
} from '@vitrine/attester';
import { endorsementsShape, referenceValuesShape, UsageError } from '@vitrine/documents';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { missingVectors, readVector } from '../../../test/vectors.ts';
import { amdKds } from '../../verifier/src/amd-kds.ts';
import { createKdsHandler } from './amd-kds-handler.ts';
import { openSimulatedSnp, type SimulatedSnp, simulatedSnpReferenceValues } from './sev-guest.ts';
import { openssl, withoutOpenssl } from './testing/independent.ts';
import { prepareSnpDirectory } from './testing/snp-directory.ts';

const now = new Date('2026-11-20T10:00:00Z');
const DAY = 86_400_000;
const DIGEST = 'ab'.repeat(48);
const REPORT_DATA = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
const posix = process.platform !== 'win32';
let base = '';
let used = 0;

async function fresh(): Promise<string> {
  const directory = join(base, `state-${used++}`);
  await prepareSnpDirectory(directory, now);
  return directory;
}
const open = (directory: string, at: Date = now, release = '0.1.0'): Promise<SimulatedSnp> =>
  openSimulatedSnp({ directory, now: () => at, release });

let shared = '';
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'vitrine-snp-'));
  shared = await fresh();
}, 60_000);
afterAll(() => rm(base, { recursive: true, force: true }));

const hexAt = (report: Uint8Array, offset: number, length: number): string =>
  Buffer.from(report.subarray(offset, offset + length)).toString('hex');

/** r and s as they stand in a report, turned into what libraries take. */
function signatureOf(report: Uint8Array): Buffer {
  const scalar = (offset: number): Buffer => Buffer.from(report.slice(offset, offset + 48).reverse());
  return Buffer.concat([scalar(0x2a0), scalar(0x2e8)]);
}

async function certificatesOf(source: QuoteSource): Promise<readonly X509Certificate[]> {
  const { certificates = [] } = (await source.endorsements()) ?? {};
  return certificates.map((der) => new X509Certificate(Buffer.from(der, 'base64url')));
}

describe('reports', () => {
  promise('P7', 'are signed by the chip, under a root that says it is no TEE', async () => {
    const snp = await open(shared);
    const guest = snp.launch(DIGEST);
    const report = await guest.quote(REPORT_DATA);
    const [vcek, ask, ark] = await certificatesOf(guest);
    if (vcek === undefined || ask === undefined || ark === undefined) throw new Error('no certificates');
    const key = { key: vcek.publicKey, dsaEncoding: 'ieee-p1363' } as const;
    expect(verify('sha384', report.subarray(0, 0x2a0), key, signatureOf(report))).toBe(true);
    expect(verify('sha384', report.with(0x90, 0).subarray(0, 0x2a0), key, signatureOf(report))).toBe(false);
    expect([vcek.verify(ask.publicKey), ask.verify(ark.publicKey), ark.verify(ark.publicKey)]).toEqual([
      true,
      true,
      true,
    ]);
    expect(ark.subject).toBe('C=US\nO=Vitrine Simulator\nCN=Vitrine Simulator ARK-Genoa (not a TEE)');
    expect([ask.subject, vcek.subject].map((name) => name.split('\n')[2])).toEqual(['CN=SEV-Genoa', 'CN=SEV-VCEK']);
    expect(createPublicKey(snp.arkPem).asymmetricKeyDetails?.modulusLength).toBe(4096);
    expect(Buffer.from(snp.arkCertificate)).toEqual(ark.raw);
    expect(await readFile(snp.rootFile, 'utf8')).toBe(snp.arkPem);
  });

  promise('P3', 'have report data, measurement, and the manifest in HOST_DATA', async () => {
    const snp = await open(shared);
    const guest = snp.launch(DIGEST);
    const report = await guest.quote(REPORT_DATA);
    expect(report).toHaveLength(1184);
    expect(hexAt(report, 0x50, 64)).toBe(Buffer.from(REPORT_DATA).toString('hex'));
    expect({ measurement: hexAt(report, 0x90, 48), hostdata: hexAt(report, 0xc0, 32) }).toEqual(guest.registers);
    expect(guest.registers.hostdata).toBe('2b5194b12b01058a369ef70fdb8b9b3e1fbadf6d08b23c1d602d7b567163cffc');
    const reference = snp.referenceValues(DIGEST);
    expect(referenceValuesShape.parse(reference).ok).toBe(true);
    expect(reference).toEqual(simulatedSnpReferenceValues('0.1.0', DIGEST));
    expect(reference.entries[0]).toMatchObject({ technology: 'snp', shape: 'simulator', registers: guest.registers });
  });

  promise('P3', 'of another manifest, release or code differ in what they measure', async () => {
    const snp = await open(shared);
    const good = snp.launch(DIGEST).registers;
    expect(snp.launch('cd'.repeat(48)).registers).toEqual({
      ...good,
      hostdata: expect.not.stringMatching(good.hostdata),
    });
    expect((await open(shared, now, '0.2.0')).launch(DIGEST).registers).toEqual({
      ...good,
      measurement: expect.not.stringMatching(good.measurement),
    });
    const other = snp.launch(DIGEST, { measurement: 'ef'.repeat(48) });
    expect(hexAt(await other.quote(REPORT_DATA), 0x90, 48)).toBe('ef'.repeat(48));
    for (const digest of ['', 'ab', 'AB'.repeat(48)]) {
      expect(() => snp.launch(digest)).toThrow(UsageError);
    }
  });

  promise('P3', 'come through configfs as through the device', async () => {
    const guest = (await open(shared)).launch(DIGEST, { guestSvn: 3 });
    const source = tsmQuoteSource({
      files: guest.files,
      technology: 'snp',
      privlevel: 1,
      sleep: async () => undefined,
      monotonic: () => 0,
      randomBytes,
    });
    const [one, other] = [await source.quote(REPORT_DATA), (await guest.device.extendedReport(REPORT_DATA, 1)).report];
    expect(one.subarray(0, 0x2a0)).toEqual(other.subarray(0, 0x2a0));
    expect([one[4], one[0x30]]).toEqual([3, 1]);
    await guest.quote(REPORT_DATA);
    expect(await source.endorsements()).toEqual(await guest.endorsements());
  });

  test('have the certificate table of a host, with the list', async () => {
    const snp = await open(shared);
    const { certificates } = await snp.launch(DIGEST).device.extendedReport(REPORT_DATA, 0);
    expect(readCertificateTable(certificates).map(({ key }) => key)).toEqual(['vcek', 'ask', 'ark', 'crl']);
    expect(endorsementsShape.parse(snp.endorsements()).ok).toBe(true);
  });

  promise.unless(missingVectors, 'P7', 'have the layout of a real one', async () => {
    const real = readVector('snp/oak-genoa_oc.report.bin');
    const emulated = await (await open(shared)).launch(DIGEST).quote(REPORT_DATA);
    expect(emulated).toHaveLength(real.length);
    // Version, policy, signature algorithm, platform, signer, TCB numbers, processor, firmware.
    for (const [offset, length] of [
      [0x00, 4],
      [0x08, 8],
      [0x34, 4],
      [0x38, 16],
      [0x4c, 4],
      [0x160, 32],
      [0x180, 32],
      [0x1e0, 24],
      [0x208, 152],
      [0x2d0, 24],
      [0x318, 392],
    ] as const) {
      expect([offset, hexAt(emulated, offset, length)]).toEqual([offset, hexAt(real, offset, length)]);
    }
  });

  promise.unless(missingVectors, 'P7', 'have a chip certificate with the extensions of a real one', async () => {
    const real = new X509Certificate(readVector('snp/oak-genoa_oc.vcek.der'));
    const guest = (await open(shared)).launch(DIGEST);
    await guest.quote(REPORT_DATA);
    const [vcek] = await certificatesOf(guest);
    const oids = (certificate: X509Certificate | undefined): number[] => {
      // 1.3.6.1.4.1.3704.1 in DER, and what follows up to the value.
      const arc = Buffer.from('2b060104019c7801', 'hex');
      const found: number[] = [];
      const raw = certificate?.raw ?? Buffer.alloc(0);
      for (let at = raw.indexOf(arc); at >= 0; at = raw.indexOf(arc, at + 1)) {
        found.push(...raw.subarray(at + arc.length, at + (raw[at - 1] ?? 0)));
      }
      return found;
    };
    expect(oids(vcek)).toEqual(oids(real));
    expect(oids(real).length).toBeGreaterThan(11);
    expect([vcek?.serialNumber, vcek?.publicKey.asymmetricKeyDetails]).toEqual([
      real.serialNumber,
      real.publicKey.asymmetricKeyDetails,
    ]);
  });
});

describe('the revocation list', () => {
  promise.unless(withoutOpenssl, 'P7', 'is the root’s, and the chain is good by it', async () => {
    const snp = await open(shared);
    const { certificates = [], revocationLists = [] } = snp.endorsements();
    const pem = (kind: string, der = ''): string =>
      `-----BEGIN ${kind}-----\n${Buffer.from(der, 'base64url').toString('base64').replace(/.{64}/g, '$&\n')}\n-----END ${kind}-----\n`;
    const files = {
      'ark.pem': snp.arkPem,
      'ask.pem': pem('CERTIFICATE', certificates[1]),
      'vcek.pem': pem('CERTIFICATE', certificates[0]),
      'list.pem': pem('X509 CRL', revocationLists[0]),
    };
    const time = String(now.getTime() / 1000);
    const shown = openssl(files, 'crl', '-in', 'list.pem', '-noout', '-text', '-CAfile', 'ark.pem');
    expect(shown.text).toMatch(/verify OK/);
    expect(shown.text).toMatch(/No Revoked Certificates/);
    const verified = openssl(
      files,
      ...['verify', '-attime', time, '-CAfile', 'ark.pem', '-untrusted', 'ask.pem', '-CRLfile', 'list.pem', 'vcek.pem'],
    );
    expect(verified.text).toBe('vcek.pem: OK\n');
    expect(openssl(files, 'verify', '-attime', time, '-CAfile', 'vcek.pem', 'ask.pem').ok).toBe(false);
  });

  test('is made anew when it is older than a day', async () => {
    let time = now;
    const snp = await openSimulatedSnp({ directory: shared, now: () => time, release: '0.1.0' });
    const lists: unknown[] = [];
    for (const later of [0, DAY - 1, DAY, DAY - 1]) {
      time = new Date(now.getTime() + later);
      lists.push(snp.endorsements().revocationLists?.[0]);
    }
    expect(lists[1]).toBe(lists[0]);
    expect(lists[2]).not.toBe(lists[1]);
    expect(lists[3]).not.toBe(lists[2]);
  });
});

describe('the key distribution service', () => {
  promise('P7', 'gives what a report of this chip needs, in the way of AMD’s', async () => {
    const snp = await open(shared);
    const server = createServer(createKdsHandler(snp)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on a port');
    const service = `http://127.0.0.1:${address.port}`;
    try {
      const fetched = amdKds({ fetch: globalThis.fetch, timeoutMs: 5000, service });
      const platform: Parameters<typeof fetched>[0] = {
        technology: 'snp',
        products: ['Genoa'],
        signer: 'vcek',
        chipId: snp.chipId,
        reportedTcb: '0a00000000001954',
      };
      const { certificates, revocationLists } = await fetched(platform);
      const expected = snp.endorsements();
      expect(certificates.map((der) => Buffer.from(der).toString('base64url'))).toEqual(expected.certificates);
      expect(revocationLists.map((der) => Buffer.from(der).toString('base64url'))).toEqual(expected.revocationLists);
      await expect(fetched({ ...platform, reportedTcb: '0a00000000001955' })).rejects.toThrow(/knows no VCEK/);
      await expect(fetched({ ...platform, chipId: '01'.repeat(64) })).rejects.toThrow(/knows no VCEK/);
      expect((await fetch(`${service}/vcek/v1/Milan/crl`)).status).toBe(404);
      expect((await fetch(`${service}/vcek/v1/Genoa/crl`, { method: 'POST' })).status).toBe(405);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe('derived keys', () => {
  const request: DerivedKeyRequest = { rootKey: 'vcek', fields: ['measurement'], vmpl: 0, guestSvn: 0, tcbVersion: 0n };
  const derived = async (snp: SimulatedSnp, more: Partial<DerivedKeyRequest> = {}, options = {}): Promise<string> => {
    const key = await snp.launch(DIGEST, options).device.derivedKey({ ...request, ...more });
    return Buffer.from(key).toString('hex');
  };

  promise('P4', 'are the same for every launch of the same code on this chip, and on no other', async () => {
    const snp = await open(shared);
    const key = await derived(snp);
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(await derived(await open(shared))).toBe(key);
    expect(await derived(await open(await fresh()))).not.toBe(key);
    const other = snp.launch('cd'.repeat(48)).device;
    expect(Buffer.from(await other.derivedKey(request)).toString('hex')).toBe(key);
  });

  promise('P4', 'depend on the fields that are selected, and on no others', async () => {
    const snp = await open(shared);
    const key = await derived(snp);
    const code = { measurement: 'ef'.repeat(48) };
    expect(await derived(snp, {}, code)).not.toBe(key);
    expect(await derived(snp, { fields: ['policy'] }, code)).toBe(await derived(snp, { fields: ['policy'] }));
    expect(await derived(snp, { guestSvn: 1 }, { guestSvn: 2 })).toBe(key);
    const keys = [
      key,
      await derived(snp, { vmpl: 1 }),
      await derived(snp, { fields: [] }),
      await derived(snp, { fields: ['policy'] }),
      await derived(snp, { fields: ['image-id'] }),
      await derived(snp, { fields: ['family-id'] }),
      await derived(snp, { fields: ['measurement', 'guest-svn'] }),
      await derived(snp, { fields: ['measurement', 'guest-svn'], guestSvn: 1 }, { guestSvn: 2 }),
      await derived(snp, { fields: ['measurement', 'tcb-version'] }),
      await derived(snp, { fields: ['measurement', 'tcb-version'], tcbVersion: 10n }),
      await derived(snp, { fields: ['launch-mitigations'], launchMitigations: 1n }),
    ];
    expect(new Set(keys).size).toBe(keys.length);
  });

  promise('P4', 'of a version above the guest’s own, or of a migration agent, are refused', async () => {
    const snp = await open(shared);
    for (const more of [{ guestSvn: 3 }, { rootKey: 'vmrk' }, { tcbVersion: 1n << 63n }, { vmpl: 4 }] as const) {
      await expect(derived(snp, more, { guestSvn: 2 })).rejects.toMatchObject({ code: 'attester.hardware' });
    }
  });

  promise('P4', 'make a root source that survives a restart and not an upgrade', async () => {
    const snp = await open(shared);
    const secret = async (options = {}): Promise<string> =>
      Buffer.from(await snpDerivedKeySource(snp.launch(DIGEST, options).device).secret()).toString('hex');
    expect(await secret()).toBe(await secret());
    expect(await secret({ measurement: 'ef'.repeat(48) })).not.toBe(await secret());
    expect(await secret({ guestSvn: 1 })).not.toBe(await secret());
  });

  test('are not given by a device that was closed', async () => {
    const { device } = (await open(shared)).launch(DIGEST);
    await device.close();
    await device.close();
    await expect(device.derivedKey(request)).rejects.toMatchObject({ code: 'attester.unavailable' });
    await expect(device.extendedReport(REPORT_DATA, 0)).rejects.toMatchObject({ code: 'attester.unavailable' });
  });
});

describe('the state directory', () => {
  promise('P7', 'keeps its root, and no two have the same chip', async () => {
    const [one, other] = [await fresh(), await fresh()];
    expect((await open(one)).arkPem).toBe((await open(one)).arkPem);
    const chips = await Promise.all(
      [one, one, other].map(async (directory) =>
        hexAt(await (await open(directory)).launch(DIGEST).quote(REPORT_DATA), 0x1a0, 64),
      ),
    );
    expect(chips[0]).toBe(chips[1]);
    expect(chips[0]).not.toBe(chips[2]);
  });

  test.runIf(posix)('is for its owner alone', async () => {
    expect((await stat(join(shared, 'simulator-snp.json'))).mode & 0o777).toBe(0o600);
  });

  test.each<[string, (text: string) => string]>([
    ['that is no JSON', (text) => text.slice(1)],
    ['without a member', (text) => text.replace('"chipSecret"', '"secret"')],
    [
      'with the chip id of another',
      (text) =>
        text.replace(/("chipId": ")(..)/, (_, head: string, byte: string) => head + (byte === '00' ? '01' : '00')),
    ],
    [
      'with a key of another',
      (text) => {
        const state = JSON.parse(text);
        return JSON.stringify({ ...state, ask: { ...state.ask, key: state.ark.key } });
      },
    ],
    [
      'with a certificate in the wrong place',
      (text) => {
        const state = JSON.parse(text);
        return JSON.stringify({ ...state, ask: state.ark });
      },
    ],
  ])('%s is damaged, and the message quotes nothing of it', async (_what, change) => {
    const directory = await fresh();
    const file = join(directory, 'simulator-snp.json');
    await writeFile(file, change(await readFile(file, 'utf8')));
    const error = await open(directory).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ code: 'simulator.state-damaged' });
    expect(String(error)).toContain(file);
    expect(String(error)).not.toMatch(/BEGIN|MII/);
  });

  test('with another root file is damaged', async () => {
    const directory = await fresh();
    await writeFile(join(directory, 'ark.pem'), 'x');
    await expect(open(directory)).rejects.toMatchObject({ code: 'simulator.state-damaged' });
    await rm(join(directory, 'ark.pem'));
    await open(directory);
    expect(await readFile(join(directory, 'ark.pem'), 'utf8')).toContain('BEGIN CERTIFICATE');
  });

  test.each([-2 * DAY, 8 * 365 * DAY])('is not good %i milliseconds away', async (away) => {
    await expect(open(shared, new Date(now.getTime() + away))).rejects.toMatchObject({
      code: 'simulator.state-expired',
    });
  });

  test('that is a file cannot be used', async () => {
    const file = join(base, 'file');
    await writeFile(file, '');
    await chmod(file, 0o600);
    await expect(open(file)).rejects.toMatchObject({ code: 'simulator.state-unusable' });
  });
});
