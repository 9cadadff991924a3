/**
 * Guides as programs: reads a guide's Markdown and runs it as a reader would, top to bottom, in one
 * shell session.
 *
 * - A block marked `sh` is run, command by command. A command ends with 0, or as its comment
 *   `# exit code N` says. One that ends with `&` runs on, and is waited for until it is ready.
 * - A block marked `text` right behind shows what the block printed: each of its lines has to occur,
 *   in this order; blanks count alike, and `…` stands for anything.
 * - A block marked `js file=NAME` (or any other language) is the content of that file.
 * - Blocks marked `console` are shown only.
 *
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

export interface Command {
  readonly text: string;
  readonly exitCode: number;
  readonly background: boolean;
}

export type Block =
  | { readonly line: number; readonly file: string; readonly content: string }
  | { readonly line: number; readonly commands: readonly Command[]; readonly expected: readonly string[] };

/** What a command in the background prints once it is ready. */
const READY = /Ctrl-C|^\{.*\}$/m;
const LIMIT_MS = 120_000;

/** The blocks of a guide that are run, in their order. */
export function parseGuide(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  for (const { index, groups = {} } of markdown.matchAll(/^```(?<info>.*)\n(?<body>(?:.*\n)*?)```$/gm)) {
    const { info = '', body = '' } = groups;
    const line = markdown.slice(0, index).split('\n').length;
    const file = /^\w+ file=(\S+)$/.exec(info)?.[1];
    const last = blocks.at(-1);
    if (file !== undefined) blocks.push({ line, file, content: body });
    else if (info === 'sh') blocks.push({ line, commands: commandsOf(body), expected: [] });
    else if (info === 'text' && last !== undefined && 'commands' in last) {
      blocks.splice(-1, 1, { ...last, expected: [...last.expected, ...body.split('\n').filter((one) => one !== '')] });
    }
  }
  return blocks;
}

function commandsOf(body: string): readonly Command[] {
  const joined = body.replaceAll(/\\\n/g, '\\\u0000').split('\n');
  return joined
    .map((line) => line.replaceAll('\u0000', '\n'))
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [, text = line, code = '0'] = /^(.*?)\s+# exit code (\d)$/s.exec(line) ?? [];
      const background = text.endsWith(' &');
      return { text: background ? text.slice(0, -2) : text, exitCode: Number(code), background };
    });
}

/** The first line of `expected` that `output` does not show where it should; `undefined` if all are there. */
export function missingLine(output: string, expected: readonly string[]): string | undefined {
  const shown = plain(output);
  let from = 0;
  for (const line of expected) {
    for (const part of line.split('…').map(plain)) {
      const at = shown.indexOf(part, from);
      if (at < 0) return line;
      from = at + part.length;
    }
  }
  return undefined;
}

function plain(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/**
 * Runs a guide in `directory`.
 *
 * @throws with the line in the guide, what was expected and what was printed.
 */
export async function runGuide(
  markdown: string,
  { directory, environment }: { readonly directory: string; readonly environment: NodeJS.ProcessEnv },
): Promise<void> {
  const session = openSession(directory, environment);
  try {
    for (const block of parseGuide(markdown)) {
      if ('file' in block) {
        writeFileSync(join(directory, block.file), block.content);
        continue;
      }
      let output = '';
      for (const { text, exitCode, background } of block.commands) {
        const done = background ? await session.start(text) : await session.run(text);
        output += done.output;
        if (done.code === exitCode) continue;
        throw new Error(`line ${block.line}: ${text}\nended with ${done.code}, not ${exitCode}:\n${done.output}`);
      }
      const missing = missingLine(output, block.expected);
      if (missing !== undefined) throw new Error(`line ${block.line}: not printed: ${missing}\nbut:\n${output}`);
    }
  } finally {
    await session.end();
  }
}

interface Done {
  readonly code: number;
  readonly output: string;
}

interface Session {
  run(command: string): Promise<Done>;
  /** Starts a command that runs on. Its code is 0 once it is ready. */
  start(command: string): Promise<Done>;
  /** Ends everything. */
  end(): Promise<void>;
}

function openSession(directory: string, environment: NodeJS.ProcessEnv): Session {
  const shell: ChildProcess = spawn('sh', [], { cwd: directory, env: environment, stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(shell, 'close');
  const jobs: number[] = [];
  let printed = '';
  shell.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
  });

  /** Gives the shell a line and waits for what it prints behind `mark`. */
  async function tell(text: string): Promise<{ readonly before: string; readonly answer: string }> {
    const mark = `--- ${randomUUID()} ---`;
    printed = '';
    shell.stdin?.write(`${text}\nprintf '%s %s %s\\n' "${mark}" "$?" "$!"\n`);
    const limit = Date.now() + LIMIT_MS;
    for (;;) {
      const [before = '', answer] = printed.split(`${mark} `);
      if (answer?.endsWith('\n') === true) return { before, answer };
      if (Date.now() > limit) throw new Error(`no end of: ${text}\n${printed}`);
      await delay(20);
    }
  }

  return {
    async run(command) {
      const { before, answer } = await tell(`{ ${command}\n} </dev/null 2>&1`);
      return { code: Number(answer.split(' ')[0]), output: before };
    },
    async start(command) {
      const log = join(directory, `.job-${jobs.length}.log`);
      writeFileSync(log, '');
      const { answer } = await tell(`${command} </dev/null >>'${log}' 2>&1 &`);
      const job = Number(answer.split(' ')[1]);
      jobs.push(job);
      const read = (): string => readFileSync(log, 'utf8');
      const limit = Date.now() + LIMIT_MS;
      for (;;) {
        if (READY.test(read())) return { code: 0, output: read() };
        // The shell has to collect what ended before it can say so.
        const { answer: alive } = await tell(`jobs >/dev/null; kill -0 ${job} 2>/dev/null`);
        if (!alive.startsWith('0 ') || Date.now() > limit) return { code: -1, output: read() };
        await delay(20);
      }
    },
    async end() {
      for (const job of jobs) if (runs(job)) process.kill(job, 'SIGTERM');
      shell.stdin?.end('wait\n');
      await closed;
    },
  };
}

function runs(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch {
    return false;
  }
}
