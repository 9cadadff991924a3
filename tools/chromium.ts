/**
 * Runs a module in a headless Chromium: finds the program, serves the files on loopback, and takes
 * back one text. It is Debian's package (`tools/system-packages.sh`), or what `VITRINE_CHROMIUM` names.
 *
 * The page posts its text instead of being read from outside, so no debugging protocol and no driver
 * are needed, and nothing depends on when a page counts as loaded.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { text } from 'node:stream/consumers';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-extensions',
];
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
};
const PATIENCE_MS = 120_000;

/** The program, or `undefined` where there is none. */
export function findChromium(): string | undefined {
  const named = process.env['VITRINE_CHROMIUM'];
  if (named !== undefined) {
    if (existsSync(named)) return named;
    throw new Error(`VITRINE_CHROMIUM names ${named}, which does not exist`);
  }
  return PROGRAMS.find((program) => existsSync(program));
}

/** Why what needs a browser is skipped, or `false`. */
export function missingChromium(): string | false {
  return findChromium() === undefined
    ? 'no Chromium here: run tools/system-packages.sh, or name one in VITRINE_CHROMIUM'
    : false;
}

export interface Page {
  /** Import map of the page: bare specifiers to paths that `file` knows. */
  readonly importMap: object;
  /** An inline module that defines nothing and calls `report(text)` once. */
  readonly script: string;
  /** The content of a path such as `/cases.json`; `undefined` where there is none. */
  file(path: string): string | Uint8Array | undefined;
}

/**
 * The text that the page reports.
 *
 * @throws Error when it reports none: with what it threw, or with what Chromium printed.
 */
export async function runInChromium(page: Page): Promise<string> {
  const program = findChromium();
  if (program === undefined) throw new Error('no Chromium here');
  const profile = mkdtempSync(join(tmpdir(), 'vitrine-chromium-'));
  const reported = Promise.withResolvers<string>();
  const server = await listen(page, reported);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  // A group of its own, so that its helpers end with it.
  const browser = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, url], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const printed: string[] = [];
  browser.stderr.setEncoding('utf8').on('data', (chunk: string) => printed.push(chunk));
  browser.on('error', reported.reject);
  const ended = once(browser, 'close');
  const patience = setTimeout(
    () => reported.reject(new Error(`no report from Chromium in ${PATIENCE_MS / 1000} s`)),
    PATIENCE_MS,
  );
  browser.on('close', () =>
    reported.reject(new Error(`Chromium ended without a report:\n${printed.join('').slice(-2000)}`)),
  );
  try {
    return await reported.promise;
  } finally {
    clearTimeout(patience);
    server.closeAllConnections();
    server.close();
    if (browser.pid !== undefined && browser.exitCode === null) process.kill(-browser.pid, 'SIGKILL');
    await ended;
    rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

async function listen(page: Page, reported: PromiseWithResolvers<string>): Promise<Server> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', 'http://127.0.0.1').pathname;
    if (request.method === 'POST') {
      const body = await text(request);
      response.end();
      if (path === '/report') reported.resolve(body);
      else reported.reject(new Error(`in Chromium: ${body}`));
      return;
    }
    const content = path === '/' ? htmlOf(page) : page.file(path);
    if (content === undefined) {
      if (path !== '/favicon.ico') reported.reject(new Error(`Chromium asked for ${path}, which is not served`));
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[path === '/' ? '.html' : extname(path)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type }).end(content);
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      reported.reject(error);
      response.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** Errors are reported too: what a module throws while it loads reaches only the window. */
function htmlOf({ importMap, script }: Page): string {
  return `<!doctype html>
<meta charset="utf-8">
<title>test</title>
<script>
  const post = (path, text) => fetch(path, { method: 'POST', body: text });
  const report = (text) => post('/report', text);
  addEventListener('error', (event) => post('/error', String(event.message ?? 'a script could not be loaded')), true);
  addEventListener('unhandledrejection', (event) => post('/error', String(event.reason?.stack ?? event.reason)));
</script>
<script type="importmap">${JSON.stringify(importMap)}</script>
<script type="module">
${script}
</script>
`;
}
