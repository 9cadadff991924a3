import { UsageError } from '@vitrine/documents';
import { forgePki } from '@vitrine/simulator/faults';
import { beforeAll, describe, expect } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { presets } from './policy-file.ts';
import type { AttestationResult } from './result.ts';
import { simulatorAnchor } from './simulator-anchor.ts';
import {
  amdName,
  forgeSnp,
  generateSnpKeys,
  SNP_NOW,
  SNP_POLICY,
  type SnpChanges,
  type SnpKeys,
} from './testing/forged-snp.ts';
import { verify } from './verify.ts';

const ROOT_NAME = amdName('Vitrine Simulator ARK (not a TEE)');

let keys: SnpKeys;
beforeAll(async () => {
  keys = await generateSnpKeys();
}, 120_000);

const pem = (der: Uint8Array): string =>
  `-----BEGIN CERTIFICATE-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/(.{64})(?=.)/g, '$1\n')}\n-----END CERTIFICATE-----\n`;

/** As a simulator of SEV-SNP makes it: AMD's form under a root that says what it is. */
async function judge(
  allowed: 'its own root' | 'another simulator' | 'none',
  changes: SnpChanges = {},
): Promise<AttestationResult> {
  let root = new Uint8Array();
  const { report, inputs } = forgeSnp(keys, {
    root: (good) => ({ ...good, subject: ROOT_NAME, issuer: ROOT_NAME }),
    authority: (good) => ({ ...good, issuer: ROOT_NAME }),
    list: (good) => ({ ...good, issuer: ROOT_NAME }),
    certificates: (pki) => [pki.leaf, pki.authority, pki.root],
    anchors: (good) => {
      root = good.root;
      return [];
    },
    ...changes,
  });
  const { certificates, revocationLists } = inputs.endorsements;
  const anchors = {
    'its own root': () => [simulatorAnchor(pem(root))],
    'another simulator': () => [simulatorAnchor(forgePki({ now: SNP_NOW }).rootPem)],
    none: () => [],
  };
  return verify(
    { kind: 'raw', bytes: report },
    {
      policy: { ...presets['hardware-only'], snp: SNP_POLICY },
      now: SNP_NOW,
      endorsements: [
        ...certificates.map((certificate) => ({ certificate })),
        ...revocationLists.map((revocationList) => ({ revocationList })),
      ],
      simulatorAnchors: anchors[allowed](),
    },
  );
}

describe('the root of a simulator of SEV-SNP', () => {
  promise('P7', 'makes evidence simulated where the caller allows it, and never more', async () => {
    const result = await judge('its own root');
    expect(result).toMatchObject({ verdict: 'simulated', decidedBy: null, claims: { anchor: 'simulator' } });
  });

  promise('P7', 'that nobody allows is simulated by its own word, and nothing is claimed', async () => {
    for (const allowed of ['none', 'another simulator'] as const) {
      const result = await judge(allowed);
      expect(result).toMatchObject({ verdict: 'simulated', decidedBy: 'snp.vcek-chain' });
      expect(result).not.toHaveProperty('claims');
    }
  });

  promise('P7', 'that does not say so is forged', async () => {
    const name = amdName('ARK-Genoa');
    const result = await judge('none', {
      root: (good) => ({ ...good, subject: name, issuer: name }),
      authority: (good) => ({ ...good, issuer: name }),
    });
    expect(result).toMatchObject({ verdict: 'rejected', decidedBy: 'snp.vcek-chain' });
  });

  promise('P7', 'revokes as a vendor’s root does', async () => {
    const revoked = await judge('its own root', { list: (good) => ({ ...good, issuer: ROOT_NAME, revoked: [0x21] }) });
    expect(revoked).toMatchObject({ verdict: 'rejected', decidedBy: 'snp.revocation' });
    const none = await judge('its own root', { lists: () => [] });
    expect(none).toMatchObject({ verdict: 'undetermined', decidedBy: 'snp.revocation' });
    const another = await judge('its own root', { list: (good) => good });
    expect(another).toMatchObject({ verdict: 'undetermined', decidedBy: 'snp.revocation' });
  });

  promise('P7', 'waives no signature below it', async () => {
    const other = await judge('its own root', { after: (bytes) => bytes.fill(0xaa, 0x50, 0x90) });
    expect(other).toMatchObject({ verdict: 'rejected', decidedBy: 'snp.signature' });
    const authority = await judge('its own root', {
      authority: (good, { authority: own }) => ({ ...good, issuer: ROOT_NAME, signer: own.privateKey }),
    });
    expect(authority).toMatchObject({ verdict: 'rejected', decidedBy: 'snp.vcek-chain' });
  });
});

describe('a simulator’s root as a file', () => {
  promise('P7', 'is of the kind that its form says', async () => {
    expect(simulatorAnchor(forgePki({ now: SNP_NOW }).rootPem)).toMatchObject({ name: 'simulator', simulator: true });
    expect(simulatorAnchor(forgePki({ now: SNP_NOW }).rootPem)).not.toHaveProperty('product');
    let root = new Uint8Array();
    forgeSnp(keys, {
      anchors: (good) => {
        root = good.root;
        return [];
      },
    });
    expect(simulatorAnchor(pem(root))).toMatchObject({ product: 'any', simulator: true, authorities: [], root });
  });

  promise('P7', 'is refused where it is neither', () => {
    for (const text of ['', 'x', pem(Uint8Array.of(0x30, 0)), pem(new Uint8Array())]) {
      expect(() => simulatorAnchor(text, 'root.pem')).toThrow(UsageError);
    }
    const { rootPem } = forgePki({ now: SNP_NOW });
    expect(() => simulatorAnchor(rootPem + rootPem, 'root.pem')).toThrow(/^root\.pem.*one certificate/);
  });
});
