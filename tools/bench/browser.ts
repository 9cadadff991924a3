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
const BUNDLE_FILE = 'verifier.js';
const BUNDLE = `/${BUNDLE_FILE}`;

export async function benchBrowser(installation: Installation): Promise<readonly Figure[]> {
  const chunks = await bundled(installation);
  const packed = (names: readonly string[]): number =>
    names.reduce((sum, name) => sum + gzipSync(chunks.get(name)?.code ?? '', { level: 9 }).length, 0) / 1000;
  const sizes: readonly Figure[] = [
    {
      name: '`@vitrine/verifier` as a page loads it: minified and gzipped',
      samples: [packed(loadedAtOnce(chunks))],
      unit: 'kB',
      target: 'under 60 kB',
    },
    {
      name: '… with everything that other vendors’ evidence loads on demand',
      samples: [packed([...chunks.keys()])],
      unit: 'kB',
      target: '',
    },
  ];
  const missing = missingChromium();
  if (missing !== false) {
    process.stderr.write(`verification in Chromium is not measured: ${missing}\n`);
    return sizes;
  }
  const first: number[] = [];
  const later: number[] = [];
  for (let page = 0; page < PAGES; page++) {
    const [one, ...others] = await measuredInPage(chunks);
    if (one === undefined) throw new Error('Chromium measured nothing');
    first.push(one);
    later.push(...others);
  }
  return [
    ...sizes,
    { name: 'the first TDX verification in a page, in Chromium', samples: first, unit: 'ms', target: 'under 30 ms' },
    { name: '… of further platforms in that page', samples: later, unit: 'ms', target: 'under 30 ms' },
  ];
}

interface Chunk {
  readonly code: string;
  /** Files that are loaded together with this one. */
  readonly imports: readonly string[];
}

type Chunks = ReadonlyMap<string, Chunk>;

/** What the browser fetches before the first line runs. */
function loadedAtOnce(chunks: Chunks): readonly string[] {
  const loaded = new Set([BUNDLE_FILE]);
  for (const name of loaded) for (const next of chunks.get(name)?.imports ?? []) loaded.add(next);
  return [...loaded];
}

/** The modules that a bundler makes of everything that the package exports, by file name. */
async function bundled({ directory }: Installation): Promise<Chunks> {
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
  const { output } = await build.generate({ format: 'esm', minify: true, entryFileNames: BUNDLE_FILE });
  await build.close();
  return new Map(
    output.flatMap((chunk) =>
      chunk.type === 'chunk' ? [[chunk.fileName, { code: chunk.code, imports: chunk.imports }] as const] : [],
    ),
  );
}

async function measuredInPage(chunks: Chunks): Promise<readonly number[]> {
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
    file: (path) => (path === '/cases.json' ? JSON.stringify(cases) : chunks.get(path.slice(1))?.code),
  });
  return JSON.parse(reported) as readonly number[];
}
