/**
 * The installed packages give the same result, byte for byte, under every version of Node.js that
 * they support and in Chromium, where WebCrypto stands in for node:crypto.
 *
 * @module
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missingChromium, runInChromium } from '../../tools/chromium.ts';
import { importMapOf, installedFile } from '../../tools/installed-page.ts';
import { type Installation, installPacked } from '../../tools/packed.ts';
import { promise } from '../promises.ts';
import { missingVectors } from '../vectors.ts';
import { bundleCases } from './bundle-cases.ts';
import { realCases } from './cases.ts';
import type { Case, Outcome } from './judge.ts';
import { nodePrograms } from './node-versions.ts';
import { tdxCases } from './tdx-cases.ts';

const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));
const MAX_OUTPUT_BYTES = 1 << 28;
const programs = nodePrograms(ROOT);

let installation: Installation | undefined;
/** Where it is. */
let directory: string;
let cases: readonly Case[];
let script: string;
let reference: readonly Outcome[];

beforeAll(async () => {
  installation = installPacked(ROOT);
  directory = installation.directory;
  // The judging file goes where the installed packages are found, as JavaScript: all run the same bytes.
  for (const name of ['judge', 'judge-stdin']) {
    const source = readFileSync(join(import.meta.dirname, `${name}.ts`), 'utf8');
    const stripped = stripTypeScriptTypes(source).replace("'./judge.ts'", "'./judge.js'");
    writeFileSync(join(directory, `${name}.js`), stripped);
  }
  writeFileSync(join(directory, 'package.json'), '{ "private": true, "type": "module" }\n');
  script = join(directory, 'judge-stdin.js');
  cases = [...tdxCases(), ...(await bundleCases()), ...realCases()];
  reference = judgedBy(process.execPath);
}, 300_000);

afterAll(() => installation?.dispose());

function judgedBy(program: string): readonly Outcome[] {
  const input = JSON.stringify(cases);
  const output = execFileSync(program, [script], { input, encoding: 'utf8', maxBuffer: MAX_OUTPUT_BYTES });
  return JSON.parse(output) as readonly Outcome[];
}

describe('what is compared', () => {
  promise('P7', 'every case has an outcome, none is a defect, and all kinds of outcome occur', () => {
    expect(reference.map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
    expect(reference.filter(({ text }) => text.startsWith('defect'))).toEqual([]);
    const verdicts = reference.map(({ text }) => (JSON.parse(text) as { readonly verdict?: string }).verdict);
    expect(new Set(verdicts)).toEqual(
      new Set(['rejected', 'undetermined', 'simulated', ...(missingVectors === false ? ['verified'] : [])]),
    );
  });

  promise('P7', 'the good ones are good', () => {
    for (const good of ['TDX: good', 'bundle: good']) {
      const text = reference.find(({ name }) => name === good)?.text ?? 'null';
      expect(JSON.parse(text)).toMatchObject({ verdict: 'simulated', decidedBy: null });
    }
  });

  test(`real evidence is among the cases${missingVectors === false ? '' : ` (not here: ${missingVectors})`}`, () => {
    expect(realCases().length > 0).toBe(missingVectors === false);
  });
});

describe('the same result, byte for byte', () => {
  for (const { version, program, missing } of programs) {
    promise.unless(missing, 'P7', `under Node ${version}`, () => {
      expect(judgedBy(program ?? '')).toEqual(reference);
    });
  }

  promise.unless(missingChromium(), 'P7', 'in Chromium, with WebCrypto', async () => {
    const importMap = importMapOf(directory, ['@vitrine/verifier', '@vitrine/documents']);
    expect(JSON.stringify(importMap)).toContain('crypto-web');
    const reported = await runInChromium({
      importMap,
      script: `
        import { judgeAll } from '/judge.js';
        const cases = await (await fetch('/cases.json')).json();
        await report(JSON.stringify(await judgeAll(cases)));`,
      file: (path) => {
        if (path === '/cases.json') return JSON.stringify(cases);
        if (path === '/judge.js') return readFileSync(join(directory, 'judge.js'));
        return installedFile(directory, path);
      },
    });
    expect(JSON.parse(reported)).toEqual(reference);
  });
});
