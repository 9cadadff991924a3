/**
 * Evidence bundles from the simulated enclave, good and malformed.
 *
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEvidenceService } from '@vitrine/attester';
import { formatEvidenceBundle, type Manifest, manifestDigest } from '@vitrine/documents';
import { openSimulator } from '@vitrine/simulator';
import { caseOf, fileOf } from './cases.ts';
import type { Case } from './judge.ts';
import { NOW } from './tdx-cases.ts';

const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'test',
  server: {
    source: { kind: 'command', command: 'test-server' },
    args: ['grüße', '\u{1f600}', '\u2028'],
    environment: {},
    transport: 'stdio',
  },
  sandbox: 'none',
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};

/** A good bundle, and bundles that readers of JSON disagree about. */
export async function bundleCases(): Promise<readonly Case[]> {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-cases-'));
  try {
    const simulator = await openSimulator({ directory, now: () => NOW, release: '0.1.0' });
    const digest = await manifestDigest(MANIFEST);
    const tlsSpki = randomBytes(32);
    const service = await createEvidenceService({
      source: simulator.launch(digest),
      manifest: MANIFEST,
      tlsSpki,
      sandbox: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
      randomBytes,
    });
    const channel = await service.channel({ nonce: randomBytes(32), exporter: randomBytes(32), leafSpki: tlsSpki });
    const good = formatEvidenceBundle(channel);
    const rest = {
      at: NOW.toISOString(),
      preset: 'default' as const,
      simulatorRoot: simulator.rootPem,
      endorsements: [fileOf(simulator.collateral())],
      referenceValues: simulator.referenceValues(digest),
    };
    const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
    const malformed: Readonly<Record<string, Uint8Array>> = {
      'without its end': bytes(good.slice(0, -1)),
      'with text behind it': bytes(`${good}x`),
      'with a duplicate key': bytes(good.replace('{', '{"hardware":[],')),
      'with a member __proto__': bytes(good.replace('{', '{"__proto__":1,')),
      'with a lone surrogate': bytes(good.replace('{', '{"\\ud800":1,')),
      'with an unknown member in other scripts': bytes(
        good.replace('{', '{"\u0645\u0631\u062d\u0628\u0627 \u{1f600}":1,'),
      ),
      'that is not UTF-8': Uint8Array.from([...bytes(good.slice(0, 1)), 0xff, 0xfe]),
      'with a truncated character': Uint8Array.from([0x7b, 0x22, 0xe2, 0x82]),
      'with nesting of 100 000': bytes(`{"a":${'['.repeat(100_000)}`),
      'with a number beyond a double': bytes('{"a":1e999}'),
      'with base64 that is padded': bytes(good.replace(/("hardware":\["[^"]*","[^"]*)"/, '$1="')),
      'whose hardware evidence is cut': bytes(good.replace(/("hardware":\["[^"]*","[^"]{400})[^"]*"/, '$1"')),
      'of another technology': bytes(good.replace('vnd.vitrine.tdx', 'vnd.vitrine.abacus')),
    };
    return [
      caseOf('bundle: good', bytes(good), rest),
      caseOf('bundle: good, strict', bytes(good), { ...rest, preset: 'strict' }),
      ...Object.entries(malformed).map(([name, evidence]) => caseOf(`bundle: ${name}`, evidence, rest)),
    ];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
