/** `verify` and `add` behind a proxy that is set but useless: it is used, and named without its password. */
import { expect } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { workplace } from '../../../../test/support/cli.ts';

for (const args of [
  ['verify', 'https://bank.example/mcp', '--offline'],
  ['add', 'https://bank.example/mcp', '--client', 'claude-desktop', '--offline', '--yes'],
] as const) {
  promise('P2', `${args[0]} goes through the proxy of the environment, and says so when it cannot`, async () => {
    const place = workplace();
    try {
      process.env['HTTPS_PROXY'] = 'http://user:canary-secret@127.0.0.1:9';
      const { code, stderr, stdout } = await place.run(args);
      expect(code).toBe(3);
      expect(stderr).toContain('127.0.0.1:9');
      expect(stderr + stdout).not.toContain('canary-secret');
    } finally {
      delete process.env['HTTPS_PROXY'];
      await place.dispose();
    }
  });
}
