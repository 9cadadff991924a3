import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { documentDigest } from '../canonical.ts';
import { toHex } from '../encoding.ts';
import type { Manifest } from '../manifest.ts';
import { type AgentImage, parseAgentPolicy, renderAgentPolicy } from './agent-policy.ts';
import {
  carriedInitDataDigest,
  type InitDataTerms,
  initDataDigest,
  parseInitData,
  renderInitData,
} from './init-data.ts';
import { LaunchError } from './launch-error.ts';

const IMAGE: AgentImage = {
  image: `ghcr.io/example/vitrine@sha256:${'ab'.repeat(32)}`,
  command: ['/usr/bin/node', '/app/vitrine.js', 'run'],
  directory: '/app',
  environment: ['PATH=/usr/bin'],
};
const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 1,
  name: 'demo',
  server: {
    source: { kind: 'path', tree: 'a'.repeat(96), entry: 'a.js' },
    args: ['é'],
    environment: {},
    transport: 'stdio',
  },
  sandbox: 'bwrap',
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const TERMS: InitDataTerms = {
  algorithm: 'sha384',
  manifest: MANIFEST,
  policy: { images: [IMAGE] },
  kbs: { url: 'https://kbs.example:8080', certificate: PEM },
};
const TEXT = new TextDecoder().decode(renderInitData(TERMS));
const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const { kbs: _, ...WITHOUT_KBS } = TERMS;

function refusal(bytes: Uint8Array): LaunchError {
  try {
    parseInitData(bytes);
  } catch (error) {
    if (error instanceof LaunchError) return error;
    throw error;
  }
  throw new Error('it was read');
}

describe('init-data', () => {
  promise('P3', 'says manifest, policy and key broker, and is written in one form', () => {
    const { certificate: __, ...kbs } = TERMS.kbs ?? { url: '' };
    for (const terms of [TERMS, WITHOUT_KBS, { ...TERMS, kbs }, { ...TERMS, algorithm: 'sha512' as const }]) {
      expect(parseInitData(renderInitData(terms))).toEqual(terms);
    }
    expect(TEXT).toMatch(
      /^version = "0\.1\.0"\nalgorithm = "sha384"\n\n\[data\]\n"aa\.toml" = '''\n\[token_configs\]\n/,
    );
  });

  promise('P3', 'has the manifest in canonical form, so that its digest is that of the entry', async () => {
    const entry = /"vitrine\.json" = '''\n(.*)'''\n$/s.exec(TEXT)?.[1] ?? '';
    expect(createHash('sha384').update(entry).digest('hex')).toBe(await documentDigest(MANIFEST));
  });

  promise('P3', 'is digested as it says, and carried as a platform cuts or fills it', async () => {
    for (const algorithm of ['sha256', 'sha384', 'sha512'] as const) {
      const bytes = renderInitData({ ...TERMS, algorithm });
      const value = await initDataDigest(bytes);
      expect(toHex(value)).toBe(createHash(algorithm).update(bytes).digest('hex'));
      expect(toHex(carriedInitDataDigest(value, 32))).toBe(toHex(value).slice(0, 64));
      expect(toHex(carriedInitDataDigest(value, 48))).toBe(toHex(value).slice(0, 96).padEnd(96, '0'));
    }
    await expect(initDataDigest(bytesOf('algorithm = "md5"'))).rejects.toThrow(LaunchError);
  });
});

describe('init-data is refused by the name of the entry', () => {
  const CASES: readonly (readonly [string, string, RegExp])[] = [
    ['another version', TEXT.replace('0.1.0', '0.2.0'), /version "0\.1\.0"/],
    ['another algorithm', TEXT.replace('sha384', 'md5'), /version "0\.1\.0"/],
    ['members in another order', TEXT.replace(/^(.*\n)(.*\n)/, '$2$1'), /version "0\.1\.0"/],
    ['a comment', `# hello\n${TEXT}`, /version "0\.1\.0"/],
    ['something after it', `${TEXT}\n`, /expected "name"/],
    ['another table', `${TEXT}[more]\n`, /expected "name"/],
    ['an unknown entry', TEXT.replace('"aa.toml"', '"ab.toml"'), /data\."ab\.toml": unknown entry/],
    [
      'an entry twice',
      `${TEXT}${TEXT.slice(TEXT.indexOf('"aa.toml"'), TEXT.indexOf('"cdh.toml"'))}`,
      /aa\.toml.*twice/,
    ],
    ['an entry without an end', TEXT.slice(0, -5), /vitrine\.json.*does not end/],
    ['text after an entry', TEXT.replace(/'''\n$/, "''' \n"), /vitrine\.json.*last line/],
    ['a quote more', TEXT.replace(/'''\n$/, "''''\n"), /vitrine\.json.*last line/],
    ['no manifest', TEXT.replace(/"vitrine\.json"[\s\S]*$/, ''), /vitrine\.json.*missing/],
    ['no policy', TEXT.replace(/"policy\.rego"[\s\S]*(?="vitrine\.json")/, ''), /policy\.rego.*missing/],
    ['no data hub', TEXT.replace(/"cdh\.toml"[\s\S]*(?="policy)/, ''), /aa\.toml.*not spelled/],
    ['no attestation agent', TEXT.replace(/"aa\.toml"[\s\S]*(?="cdh)/, ''), /aa\.toml.*not spelled/],
    [
      'another broker for one of them',
      TEXT.replace('https://kbs.example:8080', 'https://other.example'),
      /aa\.toml.*not spelled/,
    ],
    ['a setting more', TEXT.replace('name = "cc_kbc"', 'name = "cc_kbc"\nx = 1'), /cdh\.toml.*not spelled/],
    [
      'a broker at another kind of address',
      TEXT.replaceAll('https://kbs.example:8080', 'file:///kbs'),
      /cdh\.toml.*key broker/,
    ],
    ['a manifest that is none', TEXT.replace('"sandbox":"bwrap"', '"sandbox":"other"'), /vitrine\.json.*sandbox/],
    [
      'a manifest with a member twice',
      TEXT.replace('"sandbox":"bwrap"', '"sandbox":"bwrap","sandbox":"none"'),
      /vitrine\.json.*strict JSON/,
    ],
    ['a manifest with a blank', TEXT.replace('"sandbox":', '"sandbox": '), /vitrine\.json.*not spelled/],
    [
      'entries in another order',
      TEXT.replace(/("aa\.toml"[\s\S]*?)("cdh\.toml"[\s\S]*?)(?="policy)/, '$2$1'),
      /not spelled/,
    ],
  ];
  for (const [what, text, says] of CASES) {
    promise('P3', `: ${what}`, () => {
      expect(text).not.toBe(TEXT);
      const error = refusal(bytesOf(text));
      expect(error.code).toBe('launch.init-data');
      expect(error.message).toMatch(says);
    });
  }

  promise('P3', ': bytes that are no text, and too many', () => {
    expect(refusal(Uint8Array.of(0xff)).message).toMatch(/UTF-8/);
    expect(refusal(new Uint8Array(300_000)).message).toMatch(/longer/);
    expect(refusal(bytesOf(`\ufeff${TEXT}`)).message).toMatch(/version/);
  });

  promise('P3', ': terms that a TOML literal cannot hold', () => {
    for (const argument of ["a'''b", '\u007f', '\ud800']) {
      const manifest = { ...MANIFEST, server: { ...MANIFEST.server, args: [argument] } };
      expect(() => renderInitData({ ...TERMS, manifest })).toThrow();
    }
    for (const url of ['file:///x', 'https://a"b', 'https://a b', '']) {
      expect(() => renderInitData({ ...TERMS, kbs: { url } })).toThrow(LaunchError);
    }
    for (const certificate of ['', 'x', `${PEM}x`, PEM.replace('AAAA', '"""')]) {
      expect(() => renderInitData({ ...TERMS, kbs: { url: 'https://a', certificate } })).toThrow(LaunchError);
    }
  });

  promise('P3', ': any bytes give terms that are written to the same bytes, or the one error', () => {
    const document = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.nat(TEXT.length - 1), fc.nat(255)).map(([at, code]) => {
        const bytes = bytesOf(TEXT);
        bytes[at] = code;
        return bytes;
      }),
      fc.nat(TEXT.length - 1).map((length) => bytesOf(TEXT.slice(0, length))),
    );
    fc.assert(
      fc.property(document, (bytes) => {
        try {
          expect(renderInitData(parseInitData(bytes))).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(LaunchError);
        }
      }),
    );
  });
});

describe('the policy of the agent', () => {
  const POLICY = renderAgentPolicy({ images: [IMAGE] });

  promise('P3', 'denies by default, and names what it lets start', () => {
    for (const request of [
      'CreateContainer',
      'ExecProcess',
      'ReadStream',
      'WriteStream',
      'SetPolicy',
      'CopyFile',
      'CreateSandbox',
    ]) {
      expect(POLICY).toContain(`default ${request}Request := false\n`);
      expect(POLICY).not.toContain(`${request}Request := true`);
    }
    expect(POLICY).toContain('default AllowRequestsFailingPolicy := false\n');
    expect(POLICY).not.toMatch(/^(ExecProcess|ReadStream|WriteStream|SetPolicy)Request if/m);
    expect(POLICY).toContain(IMAGE.image);
    expect(parseAgentPolicy(POLICY)).toEqual({ images: [IMAGE] });
  });

  promise('P3', 'takes regular files alone from the host, by the names that a container has of its network', () => {
    const rule = /^CopyFileRequest if \{\n([^}]*)\}$/m.exec(POLICY)?.[1] ?? '';
    const pattern = new RegExp(/regex\.match\("([^"]+)", input\.path\)/.exec(rule)?.[1] ?? 'none');
    const least = Number(/input\.file_mode >= (\d+)/.exec(rule)?.[1]);
    const most = Number(/input\.file_mode <= (\d+)/.exec(rule)?.[1]);
    const takes = (path: string, mode: number): boolean => pattern.test(path) && mode >= least && mode <= most;
    const folder = '/run/kata-containers/shared/containers';
    const file = `${folder}/${'ab'.repeat(32)}-0123456789abcdef-resolv.conf`;
    for (const path of [file, file.replace('resolv.conf', 'hosts'), `${folder}/passthrough/sandbox-0a-hostname`]) {
      expect(takes(path, 0o100644)).toBe(true);
      // The agent makes a link to wherever the host says, and writes through it.
      for (const mode of [0o120777, 0o120644, 0o040755, 0o140644, 0o160000, 0o644])
        expect(takes(path, mode)).toBe(false);
    }
    for (const path of [
      `${folder}/link/usr/bin/node`,
      `${folder}/a-hosts/b-hosts`,
      `${folder}/../a-hosts`,
      `${folder}/passthrough/../../a-hosts`,
      `${folder}/passthrough/passthrough/a-hosts`,
      `${folder}/a-resolv.tmp`,
      `${folder}/a-resolv_conf`,
      `${folder}/a-hosts/`,
      `${folder}/a-hosts\n`,
      `/x${folder}/a-hosts`,
      '/run/kata-containers/ab/rootfs/usr/bin/a-hosts',
    ]) {
      expect(takes(path, 0o100644)).toBe(false);
    }
  });

  promise('P3', 'reads what kind of container it is from text in which nothing is spelled otherwise', () => {
    expect(POLICY).toContain('not contains(input.storages[0].driver_options[0], "\\\\u")');
  });

  promise('P3', 'that differs in one byte is none of ours', () => {
    for (let at = 0; at < POLICY.length; at += 7) {
      const other = `${POLICY.slice(0, at)}${POLICY[at] === 'x' ? 'y' : 'x'}${POLICY.slice(at + 1)}`;
      let images: unknown;
      try {
        images = parseAgentPolicy(other).images;
      } catch (error) {
        expect(error).toBeInstanceOf(LaunchError);
        continue;
      }
      // What the policy names may differ; then it is the policy for that.
      expect(images).not.toEqual([IMAGE]);
    }
  });

  const IMAGES: readonly (readonly [string, Partial<AgentImage>])[] = [
    ['a tag', { image: 'ghcr.io/example/vitrine:1' }],
    ['a digest that is cut', { image: IMAGE.image.slice(0, -1) }],
    ['two lines in the image', { image: `a\n${IMAGE.image}` }],
    ['no command', { command: [] }],
    ['a line end in the command', { command: ['a\nb'] }],
    ['a relative folder', { directory: 'app' }],
    ['a variable without a value', { environment: ['PATH'] }],
    ['a variable with two lines', { environment: ['A=1\nB=2'] }],
  ];
  for (const [what, change] of IMAGES) {
    promise('P3', `is not made of ${what}`, () => {
      expect(() => renderAgentPolicy({ images: [{ ...IMAGE, ...change }] })).toThrow(LaunchError);
    });
  }

  promise('P3', 'is not made of nothing, nor read from what names nothing', () => {
    expect(() => renderAgentPolicy({ images: [] })).toThrow(LaunchError);
    for (const text of [
      '',
      'package agent_policy',
      'images := ',
      'images := []',
      'images := [1]',
      `images := ${'['.repeat(100)}`,
    ]) {
      expect(() => parseAgentPolicy(text)).toThrow(LaunchError);
    }
  });
});
