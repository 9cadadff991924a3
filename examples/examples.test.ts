import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { forgeCollateral, forgePki, forgeQuote } from '@vitrine/simulator/faults';
import { expect } from 'vitest';
import { promise } from '../test/promises.ts';
import { workplace } from '../test/support/cli.ts';
import { callTool } from './attested-client/attested-client.ts';
import { makeImage } from './container/make-image.ts';
import { serveAdder } from './serve/serve.ts';
import { verifyQuote } from './verify-a-quote/verify-a-quote.ts';

promise('P7', 'the example verify-a-quote judges a quote, and calls a simulator a simulator', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-example-'));
  try {
    const now = new Date('2026-06-01T00:00:00Z');
    const pki = forgePki({ now });
    const files = [join(directory, 'quote.bin'), join(directory, 'collateral.json')] as const;
    writeFileSync(files[0], forgeQuote(pki));
    writeFileSync(files[1], JSON.stringify(forgeCollateral(pki)));
    expect(await verifyQuote(...files, now)).toMatchObject({ verdict: 'simulated', decidedBy: 'tdx.pck-chain' });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

promise('P2', 'the example attested-client calls a tool of a verified server, and of no other', async () => {
  const user = workplace();
  try {
    const { ready } = await user.start([`path:${fileURLToPath(new URL('../test/fixtures/greeter', import.meta.url))}`]);
    const simulatorRootPem = readFileSync(join(user.home, 'simulator', 'root.pem'), 'utf8');
    const referenceValues = JSON.parse(readFileSync(ready.referenceValues, 'utf8'));
    const call = (trust: Parameters<typeof callTool>[1]): Promise<unknown> =>
      callTool(ready.url, trust, 'greet', { name: 'Ada' });
    expect(await call({ policy: 'default', referenceValues, simulatorRootPem })).toEqual([
      { type: 'text', text: 'Hello, Ada!' },
    ]);
    await expect(call({ policy: 'default', referenceValues })).rejects.toThrow(/tdx\.pck-chain/);
  } finally {
    await user.dispose();
  }
});

/** Hosts with `vitrine run`, verifies, and calls one tool. */
async function hostedCall(
  args: readonly string[],
  name: string,
  toolArguments: Record<string, unknown>,
): Promise<{ readonly content: unknown; readonly verified: string }> {
  const user = workplace();
  try {
    const { ready } = await user.start(args);
    const simulatorRootPem = readFileSync(join(user.home, 'simulator', 'root.pem'), 'utf8');
    const referenceValues = JSON.parse(readFileSync(ready.referenceValues, 'utf8'));
    const { stdout } = await user.run(['verify', ready.url, '--allow-simulator', '--reference', ready.referenceValues]);
    const trust = { policy: 'default', referenceValues, simulatorRootPem } as const;
    return { content: await callTool(ready.url, trust, name, toolArguments), verified: stdout };
  } finally {
    await user.dispose();
  }
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

promise.unless(
  existsSync('/usr/bin/python3') ? false : 'python3 is not installed',
  'P8',
  'the example python is hosted, verified and called',
  async () => {
    const { content, verified } = await hostedCall([`path:${here('python')}`, '--entry', 'server.py'], 'describe', {
      numbers: [1, 2, 6],
    });
    expect(content).toEqual([{ type: 'text', text: 'mean 3, median 2' }]);
    expect(verified.trim().split('\n').at(-1)).toBe('simulated');
  },
);

promise.unless(
  existsSync('/usr/bin/bwrap') ? false : 'bubblewrap is not installed',
  'P8',
  'the example container is hosted from its image, sees nothing else, and is verified and called',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vitrine-example-'));
    try {
      makeImage(directory);
      const { content, verified } = await hostedCall([`oci:${directory}`], 'greet', { name: 'Ada' });
      const [{ text }] = content as readonly [{ readonly text: string }];
      expect(text).toMatch(/^Hello, Ada! I see /);
      const seen = text.slice(text.indexOf('see ') + 4).split(' ');
      expect(seen).toEqual(expect.arrayContaining(['data', 'srv', 'usr']));
      expect(seen).not.toContain('home');
      expect(verified.trim().split('\n').at(-1)).toBe('simulated');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

promise('P2', 'the example serve offers a factory’s servers over the attested channel', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'vitrine-example-'));
  const { serving, simulator } = await serveAdder(directory);
  try {
    const referenceValues = simulator.referenceValues(serving.manifestDigest);
    const trust = { policy: 'default', referenceValues, simulatorRootPem: simulator.rootPem } as const;
    expect(await callTool(serving.url, trust, 'add', { a: 2, b: 3 })).toEqual([{ type: 'text', text: '5' }]);
  } finally {
    await serving.stop(0);
    rmSync(directory, { recursive: true, force: true });
  }
});
