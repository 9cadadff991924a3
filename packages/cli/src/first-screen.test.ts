/** What an operator is told about the sandbox, and why it is not more. */
import type { Manifest } from '@vitrine/documents';
import { expect, test } from 'vitest';
import { promise } from '../../../test/promises.ts';
import { firstScreen, type Hosted } from './first-screen.ts';
import type { Terminal } from './terminal.ts';

const PLAIN = { style: (_: unknown, text: string) => text } as Terminal;

const MANIFEST: Manifest = {
  type: 'vitrine/manifest/v1',
  number: 3,
  name: 'bank',
  server: { source: { kind: 'command', command: 'python3' }, args: [], environment: {}, transport: 'stdio' },
  sandbox: 'none',
  auth: { kind: 'none' },
  runtime: { vitrine: '0.1.0', node: '24.21.0' },
};

function hosted(change: Partial<Hosted>): Hosted {
  return {
    url: 'https://127.0.0.1:8443/mcp',
    manifest: MANIFEST,
    manifestDigest: 'ab'.repeat(48),
    sandbox: { obtained: { process: 'bwrap', seccomp: true, cgroup: true, volume: 'ephemeral' } },
    platform: 'simulator',
    trust: ['--allow-simulator', '--reference', '/tmp/reference.json'],
    keys: { isolation: { uid: 'own', network: 'none', dumpable: false } },
    ...change,
  };
}

const screen = (change: Partial<Hosted>): string => firstScreen(hosted(change), false, PLAIN);

promise('P7', 'a sandbox is described, with where the server may connect to', () => {
  expect(screen({})).toMatch(/Sandbox +namespaces of its own, system calls filtered, memory and processes limited\n/);
  expect(screen({})).toMatch(/May connect to nothing \(--egress HOST:PORT allows it\)\n/);
  const egress = [{ host: 'api.example.com', port: 443 }];
  expect(screen({ manifest: { ...MANIFEST, egress } })).toMatch(/May connect to api\.example\.com:443\n/);
});

promise('P7', 'what was not obtained is said, with the reason', () => {
  const sandbox = {
    obtained: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    why: 'bubblewrap (bwrap) is not installed\u001b[2J',
  } as const;
  const shown = screen({ sandbox });
  expect(shown).toMatch(/Sandbox +none: an ordinary process \(bubblewrap \(bwrap\) is not installed/);
  expect(shown).not.toContain('\u001b');
  expect(shown).toMatch(/May connect to anything: nothing holds it back\n/);
  expect(shown).toMatch(/Files +in the clear/);
  const partly = { obtained: { process: 'bwrap', seccomp: false, cgroup: false, volume: 'ephemeral' } } as const;
  expect(screen({ sandbox: partly })).toMatch(/system calls not filtered, memory and processes not limited/);
});

test('as JSON it has what was obtained', () => {
  const shown = JSON.parse(firstScreen(hosted({}), true, PLAIN)) as { readonly sandbox: unknown };
  expect(shown.sandbox).toEqual({ process: 'bwrap', seccomp: true, cgroup: true, volume: 'ephemeral' });
});

promise('P4', 'how far the key service is apart is said, and the root that was made', () => {
  expect(screen({})).toMatch(/Key service +a process of its own: a user of its own, no network\n/);
  expect(screen({})).not.toMatch(/Root/);
  const isolation = { uid: 'shared', network: 'host', dumpable: true } as const;
  const shown = screen({ keys: { isolation, appRoot: { id: 'ab'.repeat(32), isNew: true } } });
  expect(shown).toMatch(
    /Key service +a process of its own: the same user as this process, the network of this machine\n/,
  );
  expect(shown).toMatch(/Root +abababababababab…, made at this start\n/);
});

promise('P1', 'what has to be handed in is named, with a command for the first', () => {
  const owner = 'a'.repeat(64);
  const allow = [{ host: 'a.example', port: 443, methods: ['GET' as const], paths: ['/'] }];
  const rules = [{ id: 'a', effect: 'allow', action: 'evm.message', startsWith: 'any' }] as const;
  const keys = {
    own: { algorithm: 'secp256k1', origin: 'derived', version: 1, policy: { rules } },
    old: {
      algorithm: 'secp256k1',
      origin: 'imported',
      version: 1,
      publicKey: 'a'.repeat(128),
      owner,
      policy: { rules },
    },
  } as const;
  const credentials = { github: { owner, header: 'authorization', allow } };
  const shown = screen({ manifest: { ...MANIFEST, keys, credentials } });
  expect(shown).toContain(
    'Hand in github, old, once:\n  npx vitrine secrets seal github --to https://127.0.0.1:8443/mcp',
  );
  expect(shown).toMatch(/May connect to a\.example:443 with a credential\n/);
  expect(screen({ manifest: { ...MANIFEST, keys: { own: keys.own } } })).not.toContain('Hand in');
});

promise('P7', 'on a real platform it says what a user needs from elsewhere', () => {
  expect(screen({})).not.toContain('who built the image');
  const tdx = screen({ platform: 'tdx', trust: [] });
  expect(tdx).toMatch(/ {2}npx vitrine verify https:\/\/127\.0\.0\.1:8443\/mcp\n/);
  expect(tdx).toContain('who built the image');
  expect(tdx).not.toContain('TPM');
  const tpm = screen({ platform: 'tpm', trust: ['--tpm-ak', '/home/ak.pem'] });
  expect(tpm).toContain('npx vitrine add https://127.0.0.1:8443/mcp --tpm-ak /home/ak.pem --client');
  expect(tpm).toContain('also needs /home/ak.pem, by a way that they trust');
});
