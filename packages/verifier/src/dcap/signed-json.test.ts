/**
 * TCB info and QE identity as texts: each field that is used has to be there with its type, and
 * malformed texts never become a value.
 *
 * @module
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { MalformedEvidenceError } from '@vitrine/documents';
import { forgeCollateral, forgePki } from '@vitrine/simulator/faults';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { missingVectors, readTextVector, vectorsDirectory } from '../../../../test/vectors.ts';
import { RefusalError } from '../refusal.ts';
import { NOW } from '../testing/forged.ts';
import { collateralFromPcs } from './collateral.ts';
import { parseQeIdentity } from './qe-identity.ts';
import { parseTcbInfo } from './tcb-info.ts';

const collateral = forgeCollateral(forgePki({ now: NOW }));
type Path = readonly (string | number)[];

/** Places of all values in a JSON value, the top excepted. */
function pathsIn(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const here = [...path, Array.isArray(value) ? Number(name) : name];
    return [here, ...pathsIn(inner, here)];
  });
}

/** `text` with the value at `path` replaced, or left out. */
function changed(text: string, path: Path, replacement: unknown): string {
  const top = JSON.parse(text) as Record<string, unknown>;
  const parent = path
    .slice(0, -1)
    .reduce<Record<string, unknown>>((at, step) => at[step] as Record<string, unknown>, top);
  const last = path.at(-1) ?? '';
  if (replacement === undefined) delete parent[last];
  else parent[last] = replacement;
  return JSON.stringify(top);
}

const isOptional = (path: Path): boolean =>
  ['advisoryIDs', 'category', 'type'].includes(String(path.at(-1))) || path.includes('advisoryIDs');
/** Whatever may be absent, and category, which nobody reads. */
const isUnread = (path: Path): boolean => path.at(-1) === 'category';

describe.each([
  ['TCB info', parseTcbInfo, collateral.tcb_info],
  ['QE identity', parseQeIdentity, collateral.qe_identity],
] as const)('%s', (_, parse, text) => {
  const paths = pathsIn(JSON.parse(text));

  test('is read', () => {
    expect(() => parse(text)).not.toThrow();
  });

  test('with a field that this release does not know is read', () => {
    expect(() => parse(changed(text, ['x'], 1))).not.toThrow();
  });

  promise('P7', 'without any one field that is used it is refused', () => {
    const accepted = paths.filter((path) => {
      if (isOptional(path) || typeof path.at(-1) === 'number') return false;
      return read(parse, changed(text, path, undefined));
    });
    expect(accepted).toEqual(
      pathsIn(JSON.parse(text)).filter((path) => path.length === 1 && path[0] === 'tdxModuleIdentities'),
    );
  });

  promise('P7', 'with any one value of another type it is refused', () => {
    for (const path of paths.filter((one) => !isUnread(one))) {
      for (const replacement of [true, -1, 1.5, 'x', {}, ['x'], 2 ** 40]) {
        if (read(parse, changed(text, path, replacement))) {
          // Any number fits where any number may stand, and any short text where a name may.
          expect(`${path.join('.')}: ${JSON.stringify(replacement)}`).toMatch(
            /^tcbLevels\.\d+\.tcb\.\w+\.\d+\.type: "x"$/,
          );
        }
      }
    }
  });

  promise('P7', 'no prefix of it is read', () => {
    for (let length = 0; length < text.length; length += 7) expect(read(parse, text.slice(0, length))).toBe(false);
  });

  promise('P7', 'any text is a value or a refusal', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.constant(text)), (any) => void read(parse, any)));
  });

  const hostile: readonly [name: string, text: string][] = [
    ['nested 100,000 deep', '['.repeat(100_000)],
    ['a repeated key', text.replace('{', '{"version":3,')],
    ['__proto__', `{"__proto__":${text}}`],
    ['a byte order mark', `\ufeff${text}`],
    ['text after the end', `${text} x`],
    ['a comment', `/**/${text}`],
    ['more than 1,000,000 characters', `${' '.repeat(1_000_000)}${text}`],
    ['2018-02-30', text.replace(/"issueDate":"[^"]*"/, '"issueDate":"2018-02-30T00:00:00Z"')],
    ['year 10000', text.replace(/"nextUpdate":"[^"]*"/, '"nextUpdate":"+010000-01-01T00:00:00Z"')],
    ['minus zero', text.replace(/"tcbEvaluationDataNumber":[0-9]+/, '"tcbEvaluationDataNumber":-0')],
  ];
  for (const [name, wrong] of hostile) promise('P7', `${name}: refused`, () => expect(read(parse, wrong)).toBe(false));
});

describe("Intel's texts", () => {
  const directory = 'sgx/oe-collateral-parse';
  const files = missingVectors === false ? readdirSync(join(vectorsDirectory() ?? '', directory)) : [];
  for (const file of files) {
    promise('P7', `${file} is of a version that is not read, or malformed: refused`, () => {
      const text = readTextVector(`${directory}/${file}`);
      expect(read(parseTcbInfo, text)).toBe(false);
      expect(read(parseQeIdentity, text)).toBe(false);
    });
  }

  promise.unless(missingVectors, 'P7', 'answers of the service are cut without being written anew', () => {
    const [tcbInfo, qeIdentity] = [
      readTextVector('tdx/google-v5.tcbinfo.json'),
      readTextVector('tdx/google-spr.qeidentity.json'),
    ];
    const cut = fromAnswers(tcbInfo, qeIdentity);
    expect(tcbInfo).toContain(`"tcbInfo":${cut.tcb_info},`);
    expect(parseTcbInfo(cut.tcb_info)).toMatchObject({ id: 'TDX', fmspc: '90c06f000000', tcbEvaluationDataNumber: 18 });
    expect(parseQeIdentity(cut.qe_identity).id).toBe('TD_QE');
  });

  for (const file of ['sgx/automata-tcb_info_v3_sgx.json', 'sgx/coco-tcbInfo.json']) {
    promise.unless(missingVectors, 'P7', `${file} is read`, () => {
      const { tcb_info: text } = fromAnswers(readTextVector(file), answer('enclaveIdentity', '{}'));
      expect(parseTcbInfo(text).levels.length).toBeGreaterThan(0);
    });
  }
});

describe('answers of the service', () => {
  promise('P7', 'the inner object is cut out byte for byte', () => {
    const inner = '{ "a\\"}{" : [1, {"b":"\\\\"}], "c":{} }';
    for (const body of [
      answer('tcbInfo', inner),
      ` {\n"tcbInfo" : ${inner} , "signature":"${'AB'.repeat(64)}"}\n`,
      `{"signature":"${'ab'.repeat(64)}","tcbInfo":${inner}}`,
    ]) {
      const cut = fromAnswers(body, answer('enclaveIdentity', '{}'));
      expect(cut.tcb_info).toBe(inner);
      expect(cut.tcb_info_signature).toBe('ab'.repeat(64));
      expect(cut).toMatchObject({ qe_identity: '{}', root_ca_crl: '0102', pck_crl: '03', pck_crl_issuer_chain: 'PCK' });
    }
  });

  const wrong: readonly [name: string, body: string][] = [
    ['nothing', ''],
    ['no JSON', '<html>'],
    ['a list', '[]'],
    ['null', 'null'],
    ['another name', answer('tcbinfo', '{}')],
    ['a text inside', answer('tcbInfo', '"{}"')],
    ['a list inside', answer('tcbInfo', '[{}]')],
    ['no signature', '{"tcbInfo":{}}'],
    ['a short signature', '{"tcbInfo":{},"signature":"ab"}'],
    ['a member too many', `{"tcbInfo":{},"x":{},"signature":"${'ab'.repeat(64)}"}`],
    ['a repeated member', `{"tcbInfo":{},"tcbInfo":{},"signature":"${'ab'.repeat(64)}"}`],
  ];
  for (const [name, body] of wrong) {
    promise('P7', `${name} is malformed`, () => {
      expect(() => fromAnswers(body, answer('enclaveIdentity', '{}'))).toThrow(MalformedEvidenceError);
    });
  }
});

function read(parse: (text: string) => unknown, text: string): boolean {
  try {
    parse(text);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(RefusalError);
    return false;
  }
}

function answer(name: string, inner: string): string {
  return `{"${name}":${inner},"signature":"${'ab'.repeat(64)}"}`;
}

function fromAnswers(tcbInfo: string, qeIdentity: string) {
  return collateralFromPcs({
    tcbInfo,
    qeIdentity,
    tcbInfoIssuerChain: 'TCB',
    qeIdentityIssuerChain: 'QE',
    pckCrlIssuerChain: 'PCK',
    rootCaCrl: Uint8Array.of(1, 2),
    pckCrl: Uint8Array.of(3),
  });
}
