import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { serializeTransaction, type TransactionSerializableEIP1559 } from 'viem';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { promise } from '../../../../test/promises.ts';
import { type Running, type Workplace, workplace } from '../../../../test/support/cli.ts';
import { type Ended, freshPlace } from '../testing/in-process.ts';
import { keyConfiguration } from '../testing/key-configuration.ts';

const FRIEND = `0x${'11'.repeat(20)}` as const;
const CONFIGURATION = keyConfiguration('0'.repeat(64));

const transaction = (change: Partial<TransactionSerializableEIP1559> = {}): string =>
  serializeTransaction({
    chainId: 31337,
    type: 'eip1559',
    nonce: 0,
    gas: 21_000n,
    maxFeePerGas: 1_000_000_000n,
    maxPriorityFeePerGas: 1n,
    to: FRIEND,
    value: 500n,
    ...change,
  });
const signs = (change: Partial<TransactionSerializableEIP1559> = {}): object => ({
  method: 'evm.signTransaction',
  params: { key: 'hot', transaction: transaction(change) },
});

/** Explains in a fresh place with a `vitrine.yaml`. */
function explained(
  request: unknown,
  flags: readonly string[] = ['--tool', 'send'],
  yaml = CONFIGURATION,
): Promise<Ended> {
  const place = freshPlace();
  if (yaml !== '') writeFileSync(join(place.directory, 'vitrine.yaml'), yaml);
  const text = typeof request === 'string' ? request : JSON.stringify(request);
  writeFileSync(join(place.directory, 'request.json'), text);
  return place.run('keys', 'explain', 'request.json', ...flags);
}

describe('explain', () => {
  promise('P4', 'an allowed request says what it does, which rule allows it, and which limits it needs', async () => {
    expect(await explained(signs())).toEqual({
      code: 0,
      stdout: `  sends 500 wei to ${FRIEND} on eip155:31337\n  pays a fee of at most 21000000000000 wei (0.000021 × 10^18)\n\nallow: allowed by small\n  if these limits have room: daily\n`,
      stderr: '',
    });
  });

  promise('P4', 'a request that needs the user says so, and ends with 0', async () => {
    const { code, stdout } = await explained(signs({ value: 2000n }));
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^confirm: .*large; the user must confirm$/m),
    });
  });

  const denied: Readonly<Record<string, readonly [object, RegExp, (readonly string[])?]>> = {
    'too much': [signs({ value: 5001n }), /^deny: .*large: 5001 wei is above\s+max 5000/m],
    'a denied address': [signs({ to: `0x${'0'.repeat(36)}dead` }), /^deny: denied by never$/m],
    'another chain': [signs({ chainId: 5 }), /^deny: .*eip155:5 is not among/m],
    'no tool': [signs(), /^deny: .*is for tools, and none is running/m, []],
    'another tool': [signs(), /^deny: /m, ['--tool', 'balance']],
    'a fee above its cap': [signs({ maxFeePerGas: 10n ** 14n }), /^deny: .*above fee\.max/m],
    'trailing bytes': [
      { method: 'evm.signTransaction', params: { key: 'hot', transaction: `${transaction()}00` } },
      /^deny: .*\(evm\.rlp\)$/m,
    ],
    'an action without a rule': [
      { method: 'evm.signMessage', params: { key: 'hot', message: '0x6869' } },
      /signs the message "hi"\n\ndeny: no rule allows evm\.message/,
    ],
  };
  for (const [what, [request, reason, flags]] of Object.entries(denied)) {
    promise('P4', `${what} is denied with the reason and exit code 1, and no limit is named`, async () => {
      const { code, stdout } = await explained(request, flags);
      expect({ code, stdout }).toEqual({ code: 1, stdout: expect.stringMatching(reason) });
      expect(stdout).not.toContain('limits');
    });
  }

  test('as JSON it is one object', async () => {
    const { code, stdout, stderr } = await explained(signs(), ['--tool', 'send', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'vitrine/key-decision/v1',
      decision: 'allow',
      rules: ['small'],
      limits: ['daily'],
    });
    const no = await explained(signs({ value: 5001n }), ['--tool', 'send', '--json']);
    expect(no.code).toBe(1);
    expect(JSON.parse(no.stdout)).toMatchObject({ decision: 'deny', limits: [] });
  });

  promise('P4', 'hours are judged for the time that is given', async () => {
    const yaml = CONFIGURATION.replace(
      '          confirm: elicitation\n',
      '          hours: { days: [mon], from: "09:00", to: "17:00" }\n',
    );
    const at = (time: string): Promise<Ended> =>
      explained(signs({ value: 2000n }), ['--tool', 'send', '--at', time], yaml);
    expect((await at('2026-11-23T10:00:00Z')).stdout).toMatch(/^allow: /m);
    expect((await at('2026-11-23T17:00:00Z')).stdout).toMatch(/^deny: /m);
    expect((await at('2026-11-24T10:00:00Z')).stdout).toMatch(/^deny: /m);
    expect((await at('2026-11-24')).stderr).toContain('expected an RFC 3339 time');
  });

  const wrong: Readonly<Record<string, readonly [unknown, RegExp]>> = {
    'no JSON': ['{"method":', /request\.json is not JSON/],
    'a name twice': ['{"method":"a","method":"b","params":{}}', /duplicate key "method"/],
    'a list': [[], /expected an object/],
    'a method that uses no key': [{ method: 'random', params: { bytes: 1 } }, /"random" uses no key/],
    'an unknown key': [
      { method: 'evm.signMessage', params: { key: 'cold', message: '0x' } },
      /has no key "cold"; it has: hot, old/,
    ],
    'a missing parameter': [{ method: 'evm.signMessage', params: { key: 'hot' } }, /missing field "message"/],
    'a parameter that is not known': [
      { method: 'evm.signMessage', params: { key: 'hot', message: '0x', force: true } },
      /unknown field "force"/,
    ],
  };
  for (const [what, [request, message]] of Object.entries(wrong)) {
    test(`a request with ${what} is wrong usage`, async () => {
      const { code, stdout, stderr } = await explained(request);
      expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
      expect(stderr).not.toMatch(/\n {4}at /);
    });
  }

  test('without a configuration there is nothing to judge by', async () => {
    expect(await explained(signs(), [], '')).toMatchObject({
      code: 2,
      stderr: 'vitrine: there is no vitrine.yaml here; name one with --config FILE\n',
    });
  });
});

describe('a policy that does not load', () => {
  const faults: Readonly<Record<string, readonly [string, string, RegExp]>> = {
    'two rules of one name': ['id: large', 'id: small', /vitrine\.yaml:20:15: .*"small" is the name of a rule already/],
    'limits without copies': ['      copies: per-live-copy\n', '', /vitrine\.yaml:12:7: .*does not say copies/],
    'a denied maximum': ['max: any }]', 'max: "1" }]', /vitrine\.yaml:31:\d+: .*expected "any"/],
    'an empty range': ['above: "1000"', 'above: "5000"', /vitrine\.yaml:25:\d+: .*no amount lies between/],
    'another algorithm': ['algorithm: secp256k1', 'algorithm: ed25519', /vitrine\.yaml:15:19: .*needs secp256k1/],
    'a derivation path that no wallet has': ['m/44', 'm/4400000000', /vitrine\.yaml:10:11: .*no index below 2\^31/],
    'an effect of no kind': ['effect: deny', 'effect: dny', /vitrine\.yaml:\d+:\d+: .*did you mean "deny"/],
  };
  for (const [what, [from, to, message]] of Object.entries(faults)) {
    promise('P4', `${what}: config check, explain and run name line and column`, async () => {
      const place = freshPlace();
      writeFileSync('vitrine.yaml', CONFIGURATION.replace(from, to));
      writeFileSync('request.json', JSON.stringify(signs()));
      for (const args of [
        ['config', 'check'],
        ['keys', 'explain', 'request.json'],
        ['run', '--genesis'],
      ]) {
        const { code, stdout, stderr } = await place.run(...args);
        expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
      }
      const { stdout } = await place.run('config', 'check', '--json');
      expect(JSON.parse(stdout)).toMatchObject({ type: 'vitrine/error/v1', message: expect.stringMatching(message) });
    });
  }
});

const wrong: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
  'no action': [[], /expected ls or explain/],
  'an unknown action': [['lst'], /did you mean "ls"/],
  'no URL': [['ls'], /expected the URL/],
  'a file in place of a URL': [['ls', 'vitrine.yaml'], /expected the URL of a server, found "vitrine\.yaml"/],
  'no request': [['explain'], /expected a request file/],
  'a request that is not there': [['explain', 'none.json', '--config', 'none.yaml'], /cannot read none\.yaml/],
  'one argument too many': [['explain', 'a', 'b'], /unexpected argument "b"/],
  'something after --': [['ls', '--', 'x'], /unexpected argument/],
  'a flag of explain': [['ls', 'https://a.example/', '--tool', 'send'], /--tool is for "vitrine keys explain"/],
  'a flag of ls': [['explain', 'a', '--offline'], /--offline is for "vitrine keys ls"/],
};
for (const [what, [args, message]] of Object.entries(wrong)) {
  test(`keys with ${what} is wrong usage, also as one object`, async () => {
    const place = freshPlace();
    const { code, stdout, stderr } = await place.run('keys', ...args);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
    const [first, ...rest] = args;
    const json = await place.run('keys', ...(first === undefined ? [] : [first]), '--json', ...rest);
    expect(JSON.parse(json.stdout)).toMatchObject({
      type: 'vitrine/error/v1',
      message: expect.stringMatching(message),
    });
  });
}

describe('ls', () => {
  let user: Workplace;
  let desk: Running;
  beforeAll(async () => {
    user = workplace();
    writeFileSync(join(user.directory, 'vitrine.yaml'), CONFIGURATION);
    desk = await user.start(['--genesis']);
  }, 60_000);
  afterAll(() => user?.dispose());

  promise('P4', 'keys, policies, credentials and root are shown, none of them secret', async () => {
    const { referenceValues, url } = desk.ready;
    const trust = ['--allow-simulator', '--reference', referenceValues];
    const { code, stdout, stderr } = await user.run(['keys', 'ls', url, ...trust]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const line of [
      /^hot version 1 {2}secp256k1, active\n {2}address 0x[0-9a-fA-F]{40}$/m,
      /^ {2}derived at m\/44'\/60'\/0'\/0\/0, never leaves, the same after a restart$/m,
      /^ {2}large: allow evm\.transaction on eip155:31337; sends more than 1000 wei/m,
      /^ {2}daily: at most 9000000000000000 wei \(0\.009 × 10\^18\) on eip155:31337/m,
      /^ {2}imported, exists outside of the enclave too/m,
      /^credential github {2}header authorization$/m,
      /^ {2}GET of \/user, \/repos\/ at api\.example\.com:443$/m,
      /^Root {2}[0-9a-f]{64}$/m,
      /^ {2}who else can derive it: whoever reads the state directory$/m,
      /\n\nsimulated\n$/,
    ])
      expect(stdout).toMatch(line);
    const json = JSON.parse((await user.run(['keys', 'ls', url, '--json', ...trust])).stdout);
    expect(json).toMatchObject({
      type: 'vitrine/keys/v1',
      verdict: 'simulated',
      keys: [{ name: 'hot' }, { name: 'old', exportable: true }],
      policies: { hot: { rules: [{ id: 'small' }, { id: 'large' }, { id: 'never' }] } },
      credentials: { github: { header: 'authorization' } },
      appRoot: { id: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
  });

  promise('P4', 'without evidence that is accepted nothing is shown', async () => {
    const { code, stdout } = await user.run(['keys', 'ls', desk.ready.url]);
    expect(code).toBe(4);
    expect(stdout).toContain('Nothing is shown');
    expect(stdout).not.toMatch(/0x|hot/);
    const json = JSON.parse((await user.run(['keys', 'ls', desk.ready.url, '--json'])).stdout);
    expect(json).toMatchObject({ keys: [], policies: {}, credentials: {}, appRoot: null });
  });

  test('with nothing to compare the code with it is undetermined', async () => {
    const { code, stdout } = await user.run(['keys', 'ls', desk.ready.url, '--allow-simulator']);
    expect(code).toBe(3);
    expect(stdout).toMatch(/^undetermined: .*\(workload\.reference\)$/ms);
  });
});
