import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyAlgorithm, KeySpec } from '@vitrine/documents';
import { describe, expect, test } from 'vitest';
import { parseConfiguration } from '../../packages/enclave/src/config/configuration-file.ts';
import { explainRequest } from '../../packages/keys/src/explain-request.ts';
import { loadPolicy } from '../../packages/keys/src/policy/load.ts';
import { promise } from '../promises.ts';
import { missingLine, parseGuide } from '../support/guide.ts';
import { ASKED, type Asked } from './policy-requests.ts';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = join(ROOT, 'packages/keys/src');
const GUIDE = readFileSync(join(ROOT, 'docs/guide/policy.md'), 'utf8');
/** A Wednesday, as the guide says. */
const NOON = new Date('2026-11-18T12:00:00Z');

const ALGORITHM: Readonly<Record<string, KeyAlgorithm>> = {
  evm: 'secp256k1',
  solana: 'ed25519',
  jws: 'p256',
  sign: 'ed25519',
  encrypt: 'aes256',
  mac: 'aes256',
};

interface Section {
  readonly heading: string;
  readonly yaml: readonly string[];
  /** Rows of tables whose second column is a decision. */
  readonly rows: readonly (readonly [request: string, decision: string])[];
}

function sectionsOf(markdown: string): readonly Section[] {
  return markdown.split(/^## /m).map((text) => ({
    heading: text.slice(0, text.indexOf('\n')),
    yaml: [...text.matchAll(/^```yaml\n((?:.*\n)*?)```$/gm)].map(([, body = '']) => body),
    rows: [...text.matchAll(/^\| (.+?) \| `((?:allow|confirm|approve|deny): .+)` \|$/gm)].map(
      ([, request = '', decision = '']) => [request, decision] as const,
    ),
  }));
}

/** The block as it would stand in `vitrine.yaml`. */
function keysOf(policy: string): Readonly<Record<string, KeySpec>> {
  const family = /^ {4}action: ([a-z]+)/m.exec(policy)?.[1] ?? '';
  const lines = [
    'server: path:./server',
    'keys:',
    '  hot:',
    '    origin: generated',
    '    version: 1',
    `    algorithm: ${ALGORITHM[family]}`,
    '    policy:',
    policy.replaceAll(/^(?=.)/gm, '      '),
  ];
  return parseConfiguration(lines.join('\n'), 'guide').keys ?? {};
}

function decide(keys: Readonly<Record<string, KeySpec>>, { request, principal, tools, at }: Asked): string {
  const { decision, reason } = explainRequest({
    keys,
    request,
    asker: { principal: principal ?? 'alice', tools: tools ?? ['send'] },
    isolated: true,
    now: at ?? NOON,
  });
  return `${decision}: ${reason}`;
}

const sections = sectionsOf(GUIDE);
const blocks = sections.flatMap(({ heading, yaml }) => yaml.map((policy) => ({ heading, policy })));
const rows = sections.flatMap(({ heading, yaml, rows: found }) =>
  found.map(([request, decision]) => ({ heading, policy: yaml.at(-1) ?? '', request, decision })),
);

test('the guide has examples, and a decision for each request that is made here', () => {
  expect(blocks.length).toBeGreaterThan(9);
  expect(rows.length).toBeGreaterThan(40);
  const shown = new Set(rows.map(({ heading, request }) => `${heading}: ${request}`));
  expect(Object.keys(ASKED).filter((name) => !shown.has(name))).toEqual([]);
});

for (const { heading, policy } of blocks) {
  promise('P4', `the guide's policy under "${heading}" loads`, () => {
    const keys = keysOf(policy);
    expect(Object.keys(keys)).toEqual(['hot']);
    for (const [name, spec] of Object.entries(keys)) loadPolicy(name, spec, { isolated: true });
  });
}

for (const { heading, policy, request, decision } of rows) {
  promise('P4', `the guide is right about "${heading}": ${request}`, () => {
    const asked = ASKED[`${heading}: ${request}`];
    if (asked === undefined) throw new Error(`no request is made for "${heading}: ${request}"`);
    const decided = decide(keysOf(policy), asked);
    expect(missingLine(decided, [decision]), decided).toBeUndefined();
    expect(decided.startsWith(decision.split('…')[0] ?? '')).toBe(true);
    expect(decided.endsWith(decision.split('…').at(-1) ?? '')).toBe(true);
  });
}

promise('P4', 'the guide begins with requests that are decided as it says', () => {
  const files = parseGuide(GUIDE).flatMap((block) => ('file' in block ? [block] : []));
  const contentOf = (name: string): string => files.find(({ file }) => file === name)?.content ?? '';
  const { keys = {} } = parseConfiguration(contentOf('vitrine.yaml'), 'vitrine.yaml');
  const decided = files
    .filter(({ file }) => file.endsWith('.json'))
    .map(({ content }) => decide(keys, { request: JSON.parse(content) as unknown }));
  expect(decided).toEqual([
    'allow: allowed by small',
    'confirm: allowed by large; the user must confirm',
    'deny: denied by never-burn',
  ]);
});

/** First arguments of these calls in the sources, tests aside. */
function codesIn(folder: string, call: RegExp): readonly string[] {
  const files = readdirSync(join(SOURCES, folder), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.includes('testing'),
  );
  const found = files.flatMap((file) =>
    [...readFileSync(join(SOURCES, folder, file), 'utf8').matchAll(call)].map(([, code = '']) => code),
  );
  return [...new Set(found)].sort();
}

describe('the guide names every code', () => {
  const textOf = (heading: string): string => {
    const from = GUIDE.indexOf(`## ${heading}`);
    const to = GUIDE.indexOf('\n## ', from + 1);
    return GUIDE.slice(from, to === -1 ? undefined : to);
  };
  const codesOf = (heading: string, pattern: RegExp): readonly string[] => {
    const cells = [...textOf(heading).matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell = '']) => cell);
    return cells
      .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code))
      .filter((code) => pattern.test(code))
      .sort();
  };

  test('of policies that do not load', () => {
    const codes = codesIn('policy', /refusePolicy\(\s*'([a-z-]+)'/g).map((code) => `policy.${code}`);
    expect(codesOf('When a policy does not load', /^policy\./)).toEqual(codes);
  });

  test.each(['evm', 'solana', 'jws', 'context', 'keyd'])('of requests that are never signed: %s', (folder) => {
    const prefix = { jws: 'jose', keyd: 'keyd' }[folder] ?? folder;
    const call =
      folder === 'keyd'
        ? /RefusedRequestError\(\s*'(keys\.[a-z-]+)'/g
        : new RegExp(`(?:refuse|refused|RefusedRequestError)\\(\\s*'(${folder}\\.[a-z0-9-]+)'`, 'g');
    const pattern = new RegExp(`^${folder === 'keyd' ? 'keys' : folder}\\.`);
    expect(codesOf('What is never signed', pattern)).toEqual(codesIn(prefix, call));
  });
});

test('the guide is at most 120 characters wide', () => {
  expect(GUIDE.split('\n').filter((line) => line.length > 120)).toEqual([]);
});
