/**
 * `vitrine proxy`: a verified server as an HTTP endpoint of this machine.
 *
 * @module
 */
import type { StartedProxy } from '@vitrine/client/run-proxy';
import { UsageError } from '@vitrine/documents';
import { changedText } from '../changed.ts';
import { onlyPositional, parseArguments } from '../command.ts';
import { proxySpec } from '../specs/proxy.ts';

export async function runProxy(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments(args, proxySpec.options);
  const url = onlyPositional(positionals, 'the URL of a server, such as https://bank.example/mcp');
  const { listen, json, 'token-file': tokenFile, 'allow-origin': allowOrigins = [], ...flags } = values;
  if (listen === undefined) {
    throw new UsageError('usage.missing', 'expected --listen ADDRESS, such as --listen 127.0.0.1:8080');
  }
  const client = await import('@vitrine/client/run-proxy');
  const stopping = new AbortController();
  const stop = (): void => stopping.abort();
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    return await client.runProxy({
      url,
      flags,
      listen,
      allowOrigins,
      tokenFile,
      env: process.env,
      platform: process.platform,
      signal: stopping.signal,
      started(proxy) {
        process.stdout.write(json === true ? `${JSON.stringify(proxy)}\n` : linesFor(proxy));
      },
      report: (line) => void process.stderr.write(`vitrine: ${line}\n`),
    });
  } catch (error) {
    const { describeRefusal } = await import('@vitrine/client');
    process.stderr.write(changedText(url, describeRefusal(error)?.details ?? []));
    throw error;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

function linesFor({ url, token, tokenFile, verdict }: StartedProxy): string {
  const what =
    verdict === 'verified'
      ? 'The server is verified.'
      : `The server is ${verdict}: no hardware protects what you send.`;
  return `${what}\nIts endpoint on this machine, until Ctrl-C:\n\n  ${url}\n  Authorization: Bearer ${token ?? `<the text in ${tokenFile}>`}\n`;
}
