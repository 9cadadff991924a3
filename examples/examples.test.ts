import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { forgeCollateral, forgePki, forgeQuote } from '@vitrine/simulator/faults';
import { expect } from 'vitest';
import { promise } from '../test/promises.ts';
import { workplace } from '../test/support/cli.ts';
import { callTool } from './attested-client/attested-client.ts';
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
