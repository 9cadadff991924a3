import { formatEvidenceBundle, type Manifest, type ReferenceValues } from '@vitrine/documents';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { readListedPage } from '../catalogue/canonical.ts';
import { pinCatalogue } from '../catalogue/pinned-catalogue.ts';
import type { ExactPin } from '../pins/pins-document.ts';
import { hollowBundle, MANIFEST, simulatedEnclave } from '../testing/evidence.ts';
import { digestOf, exactPin, NOW, REGISTERS, SOURCE_PIN } from '../testing/pin-fixtures.ts';
import { compareFacts } from './compare.ts';
import { compareSubjects } from './compare-subjects.ts';
import { type Facts, manifestFacts, type Section } from './facts.ts';
import { changeLine } from './lines.ts';
import { type Subject, subjectOfFile, subjectOfPin } from './subject.ts';

const REFERENCE: ReferenceValues = {
  type: 'vitrine/reference-values/v1',
  release: '1.0.0',
  entries: [
    { technology: 'tdx', shape: 'c3', registers: REGISTERS, computedBy: 'me', manifestDigest: digestOf(MANIFEST) },
  ],
};
const file = (document: unknown): Promise<Subject> => subjectOfFile('file', JSON.stringify(document), NOW);
const pinned = (pin: ExactPin): Subject => subjectOfPin('pin', pin);
const withTools = (...tools: object[]): Subject =>
  pinned({ ...exactPin(), catalogue: pinCatalogue(readListedPage({ tools: tools as never }).tools) });

/** Sections by status, the ones that are the same or that nobody states left out. */
function open(before: Subject, after: Subject): Readonly<Record<string, string>> {
  const { sections } = compareSubjects(before, after);
  return Object.fromEntries(
    sections
      .filter(({ status }) => status !== 'same' && status !== 'not-stated')
      .map(({ section, status, statedBy }) => [section, statedBy === undefined ? status : `${status} ${statedBy}`]),
  );
}

describe('two sides', () => {
  test('that are the same are the same', async () => {
    const bundle = await subjectOfFile('b', await hollowBundle(), NOW);
    for (const side of [pinned(exactPin()), await file(MANIFEST), await file(REFERENCE), bundle]) {
      expect(compareSubjects(side, side).same).toBe(true);
    }
  });

  const server = MANIFEST.server;
  const changes: Readonly<Record<string, readonly [Partial<Manifest>, Section, string]>> = {
    'the command': [
      { server: { ...server, source: { kind: 'command', command: 'other' } } },
      'packages',
      'command: "test-server" -> "other"',
    ],
    'an argument': [{ server: { ...server, args: ['-v'] } }, 'configuration', 'args: [] -> ["-v"]'],
    'the environment': [
      { server: { ...server, environment: { __proto__x: '1' } } },
      'configuration',
      'environment.__proto__x: absent -> "1"',
    ],
    'the number': [{ number: 4 }, 'configuration', 'manifest number: 3 -> 4'],
    'the name': [{ name: 'other' }, 'configuration', 'manifest name: "test" -> "other"'],
    'the version of Node': [
      { runtime: { vitrine: '0.1.0', node: '26.0.0' } },
      'runtime',
      'node: "24.21.0" -> "26.0.0"',
    ],
  };
  for (const [name, [change, section, line]] of Object.entries(changes)) {
    promise('P3', `differ in ${name}, and that is said`, async () => {
      const { same, sections } = compareSubjects(await file(MANIFEST), await file({ ...MANIFEST, ...change }));
      expect(same).toBe(false);
      const differing = sections.filter(({ status }) => status === 'different');
      expect(differing.map((one) => one.section).sort()).toEqual(['digest', section].sort());
      expect(differing.flatMap((one) => one.changes.map(changeLine))).toContain(line);
    });
  }

  promise('P7', 'are not called the same where only one of them states something', async () => {
    const { manifest: _, ...earlier } = exactPin();
    expect(open(pinned(exactPin()), pinned(earlier))).toEqual({
      runtime: 'not-comparable before',
      packages: 'not-comparable before',
      configuration: 'not-comparable before',
      egress: 'not-comparable before',
      keys: 'not-comparable before',
      upgrade: 'not-comparable before',
    });
    expect(open(pinned(earlier), await file(REFERENCE))).toEqual({});
    expect(open(pinned(exactPin()), withTools())).toEqual({ tools: 'not-comparable after' });
    expect(open(await file(MANIFEST), pinned(exactPin()))).toEqual({ registers: 'not-comparable after' });
    expect(open(subjectOfPin('s', SOURCE_PIN), pinned(earlier))).toMatchObject({ source: 'not-comparable before' });
  });

  test('with tools show which tool changed', () => {
    const before = withTools({ name: 'a', description: 'x' }, { name: 'b' });
    expect(compareSubjects(before, withTools({ name: 'b' }, { description: 'x', name: 'a' })).same).toBe(true);
    const { same, tools } = compareSubjects(before, withTools({ name: 'a', description: 'y' }));
    expect(same).toBe(false);
    expect(tools.map(({ name, kind }) => [name, kind])).toEqual([
      ['a', 'changed'],
      ['b', 'removed'],
    ]);
  });
});

describe('reference values', () => {
  const second = { ...REFERENCE.entries[0], shape: 'c4', registers: { ...REGISTERS, rtmr0: '66'.repeat(48) } };

  test('are compared entry by entry', async () => {
    const { same, sections } = compareSubjects(
      await file(REFERENCE),
      await file({ ...REFERENCE, release: '1.1.0', entries: [...REFERENCE.entries, second] }),
    );
    expect(same).toBe(false);
    const names = sections.flatMap(({ changes }) => changes.map(({ name }) => name));
    expect(names).toContain('release');
    expect(names).toContain('tdx c4: register rtmr0');
    expect(names.filter((name) => name.startsWith('tdx c3'))).toEqual([]);
  });

  test('with several entries are compared by the nearest, which is named', async () => {
    const { manifest: _, ...pin } = exactPin({ registers: { rtmr0: '66'.repeat(48) } });
    const both = await file({ ...REFERENCE, entries: [...REFERENCE.entries, second] });
    for (const comparison of [compareSubjects(pinned(pin), both), compareSubjects(both, pinned(pin))]) {
      expect(comparison).toMatchObject({
        same: true,
        notes: ['of the 2 entries of file, the nearest is compared: tdx c4'],
      });
    }
    const other = exactPin({ registers: { mrtd: '77'.repeat(48) } });
    expect(compareSubjects(pinned(other), both).same).toBe(false);
  });

  promise('P3', 'without a register mean zero, and a pin or evidence that has it differs', async () => {
    const { manifest: _, ...owned } = exactPin({ registers: { mrowner: '77'.repeat(48) } });
    expect(open(await file(REFERENCE), pinned(owned))).toEqual({ registers: 'different' });
  });
});

describe('a bundle', () => {
  promise('P7', 'is read, says that it is not verified, and states its registers', async () => {
    await using enclave = await simulatedEnclave();
    const identity = { spkiSha256: new Uint8Array(32) } as never;
    const zeros = new Uint8Array(32);
    const service = await enclave.service(identity);
    const bundle = formatEvidenceBundle(await service.channel({ nonce: zeros, exporter: zeros, leafSpki: zeros }));
    const side = await subjectOfFile('b', `${bundle}\n`, NOW);
    expect(side.note).toContain('not verified');
    const { sections } = compareSubjects(await file(await enclave.referenceValues()), side);
    expect(sections.find(({ section }) => section === 'registers')?.status).toBe('same');
    expect(sections.find(({ section }) => section === 'digest')?.status).toBe('same');
  });

  test('without readable hardware states no registers', async () => {
    const side = await subjectOfFile('b', await hollowBundle(), NOW);
    expect(open(side, pinned(exactPin()))).toEqual({ registers: 'not-comparable after' });
  });
});

for (const [what, text] of Object.entries({
  'no JSON': 'x',
  'a duplicate member': '{"type":"vitrine/manifest/v1","type":"vitrine/manifest/v1"}',
  'another document': '{"type":"vitrine/pins/v1","pins":{}}',
  'a list': '[]',
  'a manifest with an unknown field': JSON.stringify({ ...MANIFEST, more: 1 }),
  'no document at all': '{}',
})) {
  test(`a file with ${what} is the user’s mistake`, async () => {
    await expect(subjectOfFile('file', text, NOW)).rejects.toMatchObject({ name: 'UsageError' });
  });
}

promise('P3', 'a member of the manifest that nobody thought of is compared as well', () => {
  const future = { ...MANIFEST, quota: { calls: [{ tool: 'pay', limit: 1 }] }, egress: { hosts: ['a:443'] } };
  const facts = manifestFacts(future as unknown as Manifest);
  expect(facts.configuration).toMatchObject({ 'quota.calls[0].limit': '1' });
  expect(facts.egress).toEqual({ 'egress.hosts': '["a:443"]' });
  expect(compareFacts(manifestFacts(MANIFEST), facts).same).toBe(false);
});

test('sides are the same exactly when every section is', () => {
  const rows = fc.option(fc.dictionary(fc.constantFrom('a', 'b'), fc.constantFrom('1', '2')), { nil: undefined });
  const facts = fc.record({ registers: rows, egress: rows, tools: rows }).map((all) => {
    const stated = Object.entries(all).filter(([, value]) => value !== undefined);
    return Object.fromEntries(stated) as Facts;
  });
  fc.assert(
    fc.property(facts, facts, (left, right) => {
      const sorted = (one: Facts): string =>
        JSON.stringify(
          Object.entries(one)
            .map(([name, values]) => [name, Object.entries(values ?? {}).sort()])
            .sort(),
        );
      expect(compareFacts(left, right).same).toBe(sorted(left) === sorted(right));
      expect(compareFacts(left, left).same).toBe(true);
    }),
  );
});
