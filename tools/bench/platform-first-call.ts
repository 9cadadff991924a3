/**
 * From the start of `vitrine run` of an installed package to the end of the first tool call over a connection that was
 * verified: a `module:` server without keys, and one with a key and a store after its genesis, on the simulator and on a
 * TPM. The client runs already; the server's folder is measured at each start.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { AttestedTransportOptions } from '@vitrine/client';
import { parseTpmAttestationKey } from '@vitrine/verifier';
import { missingSwtpm, type Swtpm, startSwtpm } from '../../packages/attester/src/tpm/testing/swtpm.ts';
import { callBox, configureBox, prepareBox } from '../../test/support/box.ts';
import { type ReadyLine, type Workplace, workplace } from '../../test/support/cli.ts';
import type { Installation } from '../packed.ts';
import { inRounds, type Rounds } from './platform-rounds.ts';
import type { Figure } from './statistics.ts';

const ROUNDS: Rounds = { warmUp: 0, most: 5, budget: 45_000 };
/** Of one start: without it a server that does not end would stop the bench. */
const BOUND = { timeout: 30_000, killSignal: 'SIGKILL' } as const;
const PLAIN_SERVER = `
import { fromJsonSchema, McpServer } from '@modelcontextprotocol/server';
export default () => {
  const server = new McpServer({ name: 'plain', version: '1.0.0' }, { capabilities: { tools: {} } });
  const inputSchema = fromJsonSchema({ type: 'object', properties: { value: { type: 'string' } } });
  server.registerTool('hide', { inputSchema }, async ({ value }) => ({
    content: [{ type: 'text', text: JSON.stringify(value) }],
  }));
  return server;
};
`;
/** Off the simulator it has to be said. */
const LOGS = 'logs: { child: drop }';
const PLAIN_CONFIGURATION = `name: plain
number: 1
server: { source: "module:./server/main.mjs" }
${LOGS}
`;
const ZERO = '0'.repeat(64);

interface Machine {
  readonly name: string;
  readonly flags: readonly string[];
  /** What wraps the root, where the manifest has to say it. */
  readonly roots?: string;
  boot(): Promise<void>;
  trust(user: Workplace, ready: ReadyLine): AttestedTransportOptions;
}

const SIMULATOR: Machine = {
  name: 'simulator',
  flags: [],
  boot: async () => undefined,
  trust: (user, { referenceValues }) => ({
    policy: 'default',
    referenceValues: JSON.parse(readFileSync(referenceValues, 'utf8')),
    simulatorRootPem: readFileSync(join(user.home, 'simulator', 'root.pem'), 'utf8'),
  }),
};

function tpmMachine(tpm: Swtpm): Machine {
  return {
    name: 'TPM 2.0, swtpm',
    flags: ['--platform', 'tpm', '--device', tpm.path],
    roots: '[{ kind: tpm-pcr }]',
    boot: () => tpm.powerCycle(),
    trust: (_user, { manifestDigest, verify }) => ({
      policy: 'default',
      referenceValues: {
        type: 'vitrine/reference-values/v1',
        release: 'emulated',
        entries: [
          {
            technology: 'tpm',
            shape: 'swtpm without firmware',
            registers: { pcr0: ZERO, pcr2: ZERO, pcr4: ZERO },
            computedBy: 'this bench',
            manifestDigest,
          },
        ],
      },
      tpmAk: parseTpmAttestationKey(Uint8Array.from(readFileSync(verify[verify.indexOf('--tpm-ak') + 1] ?? ''))),
    }),
  };
}

interface Subject {
  readonly name: string;
  readonly user: Workplace;
  readonly machine: Machine;
  readonly samples: number[];
  /** Whether its first start makes a root. */
  readonly isKeyed?: true;
}

/** Milliseconds. The machine is started before, and the server ended after. */
async function firstCall(
  { vitrine }: Installation,
  { user, machine }: Subject,
  more: readonly string[] = [],
): Promise<number> {
  await machine.boot();
  const start = performance.now();
  const child = spawn(
    process.execPath,
    [vitrine, 'run', '--listen', '127.0.0.1:0', '--json', ...machine.flags, ...more],
    { cwd: user.directory, env: user.environment(), stdio: ['ignore', 'pipe', 'ignore'], ...BOUND },
  );
  const exit = once(child, 'exit');
  try {
    for await (const text of createInterface({ input: child.stdout })) {
      const ready = JSON.parse(text) as ReadyLine;
      if (ready.type !== 'vitrine/running/v1') throw new Error(`${machine.name}: ${text}`);
      await callBox(ready.url, machine.trust(user, ready), 'hide', 'a value');
      return performance.now() - start;
    }
    throw new Error(`${machine.name}: ${vitrine} did not start`);
  } finally {
    child.kill('SIGINT');
    await exit;
  }
}

async function subjectsOn(machine: Machine, user: () => Workplace): Promise<readonly Subject[]> {
  const plain = user();
  await prepareBox(plain);
  writeFileSync(join(plain.directory, 'server/main.mjs'), PLAIN_SERVER);
  writeFileSync(join(plain.directory, 'vitrine.yaml'), PLAIN_CONFIGURATION);
  const keyed = user();
  const key = await prepareBox(keyed);
  await configureBox(keyed, {
    number: 1,
    upgrade: `{ kind: signed, keys: ["${key}"], threshold: 1 }`,
    versions: 'version: 1',
    more: machine.roots === undefined ? LOGS : `${LOGS}\nroots: ${machine.roots}`,
  });
  return [
    { name: `${machine.name}, no keys`, user: plain, machine, samples: [] },
    { name: `${machine.name}, with a key and a store`, user: keyed, machine, samples: [], isKeyed: true },
  ];
}

export async function benchFirstCall(installation: Installation): Promise<readonly Figure[]> {
  const users: Workplace[] = [];
  const user = (): Workplace => {
    const made = workplace();
    users.push(made);
    return made;
  };
  const missing = missingSwtpm();
  const tpm = missing === false ? await startSwtpm() : undefined;
  try {
    const machines = tpm === undefined ? [SIMULATOR] : [SIMULATOR, tpmMachine(tpm)];
    const subjects = (await Promise.all(machines.map((machine) => subjectsOn(machine, user)))).flat();
    for (const subject of subjects) {
      await firstCall(installation, subject, subject.isKeyed ? ['--genesis'] : []);
    }
    await inRounds(ROUNDS, async () => {
      for (const subject of subjects) subject.samples.push(await firstCall(installation, subject));
    });
    const measured = subjects.map(
      ({ name, samples }, index): Figure => ({
        name: `${index === 0 ? 'start of `vitrine run` to the end of the first verified call, ' : '… '}${name}`,
        samples,
        unit: 'ms',
        target: '',
      }),
    );
    if (missing === false) return measured;
    return [...measured, { name: `… on a TPM (not measured: ${missing})`, samples: [], unit: 'ms', target: '' }];
  } finally {
    for (const made of users) await made.dispose();
    await tpm?.stop();
  }
}
