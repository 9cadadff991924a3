/**
 * The verifier in a browser: what it weighs as one file, and how long one TDX verification takes in
 * a headless Chromium. Each page is new, and so is each platform: nothing has been remembered.
 *
 * @module
 */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { forgeCollateral, forgePki, forgeQuote } from '@vitrine/simulator/faults';
import { rolldown } from 'rolldown';
import { missingChromium, runInChromium } from '../chromium.ts';
import type { Installation } from '../packed.ts';
import type { Figure } from './statistics.ts';

const PAGES = 5;
const PER_PAGE = 20;
const ENTRY = 'browser-entry';
const BUNDLE = '/verifier.js';

export async function benchBrowser(installation: Installation): Promise<readonly Figure[]> {
  const bundle = await bundled(installation);
  const size: Figure = {
    name: '`@vitrine/verifier` with all that it needs, for browsers: minified and gzipped',
    samples: [gzipSync(bundle, { level: 9 }).length / 1000],
    unit: 'kB',
    target: 'under 60 kB',
  };
  const missing = missingChromium();
  if (missing !== false) {
    process.stderr.write(`verification in Chromium is not measured: ${missing}\n`);
    return [size];
  }
  const first: number[] = [];
  const later: number[] = [];
  for (let page = 0; page < PAGES; page++) {
    const [one, ...others] = await measuredInPage(bundle);
    if (one === undefined) throw new Error('Chromium measured nothing');
    first.push(one);
    later.push(...others);
  }
  return [
    size,
    { name: 'the first TDX verification in a page, in Chromium', samples: first, unit: 'ms', target: 'under 30 ms' },
    { name: '… of further platforms in that page', samples: later, unit: 'ms', target: 'under 30 ms' },
  ];
}

/** One module with everything that the package exports. */
async function bundled({ directory }: Installation): Promise<string> {
  const build = await rolldown({
    input: ENTRY,
    cwd: directory,
    platform: 'browser',
    // A package's own order of conditions decides; these are what bundlers for browsers take.
    resolve: { conditionNames: ['browser', 'import', 'default'] },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === ENTRY ? join(directory, `${ENTRY}.js`) : null),
        load: (id) => (id.endsWith(`${ENTRY}.js`) ? "export * from '@vitrine/verifier';" : null),
      },
    ],
  });
  const { output } = await build.generate({ format: 'esm', minify: true });
  await build.close();
  if (output.length !== 1) throw new Error(`expected one file, found ${output.map(({ fileName }) => fileName)}`);
  return output[0].code;
}

async function measuredInPage(bundle: string): Promise<readonly number[]> {
  const now = new Date();
  const cases = Array.from({ length: PER_PAGE }, () => {
    const pki = forgePki({ now });
    return {
      quote: Buffer.from(forgeQuote(pki)).toString('hex'),
      collateral: forgeCollateral(pki),
      root: pki.rootPem,
      now: now.toISOString(),
    };
  });
  const reported = await runInChromium({
    importMap: {},
    script: `
      import { presets, simulatorAnchor, verify } from '${BUNDLE}';
      const bytesOf = (hex) => Uint8Array.from(hex.match(/../g), (digits) => Number.parseInt(digits, 16));
      const times = [];
      for (const { quote, collateral, root, now } of await (await fetch('/cases.json')).json()) {
        const bytes = bytesOf(quote);
        const started = performance.now();
        const { verdict } = await verify({ kind: 'raw', bytes }, {
          policy: presets['hardware-only'],
          now: new Date(now),
          endorsements: [collateral],
          simulatorAnchors: [simulatorAnchor(root)],
        });
        times.push(performance.now() - started);
        if (verdict !== 'simulated') throw new Error('unexpected verdict ' + verdict);
      }
      await report(JSON.stringify(times));`,
    file: (path) => ({ '/cases.json': JSON.stringify(cases), [BUNDLE]: bundle })[path],
  });
  return JSON.parse(reported) as readonly number[];
}
