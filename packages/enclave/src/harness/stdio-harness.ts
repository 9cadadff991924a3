/**
 * Runs inside the sandbox: makes an MCP server of a module's factory and serves it over standard input and
 * output, in both protocol eras.
 *
 * It is one file that imports Node's modules only. The SDK comes from the module's own folder, so that
 * factory and harness use the same one, and all of it but this file is measured with the module.
 *
 * Arguments: the absolute path of the module, and that of the client of the key service. The module's default
 * export, or an export named `server`, is what `serveStdio` of the SDK takes. Where the server has keys or a
 * store, its context has `keys` and `store` besides what the SDK gives.
 *
 * @module
 */
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

interface StdioModule {
  readonly serveStdio: (factory: Factory) => unknown;
}

type Factory = (context: object, ...more: readonly unknown[]) => unknown;

interface KeysModule {
  readonly connectKeys: () => unknown;
  readonly serverStore: (keys: unknown) => unknown;
}

/** The file that an import of the SDK's stdio part means from within the module. */
function stdioPart(module: string): string | undefined {
  let found: string | undefined;
  try {
    found = findPackageJSON('@modelcontextprotocol/server', pathToFileURL(module));
  } catch {
    // What is not found is thrown.
  }
  if (found === undefined) return undefined;
  const { exports } = JSON.parse(readFileSync(found, 'utf8')) as {
    exports?: { './stdio'?: { import?: { default?: string } } };
  };
  const file = exports?.['./stdio']?.import?.default;
  return file === undefined ? undefined : path.join(path.dirname(found), file);
}

function fail(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

/** A factory whose context also has what the key service does for this server. */
async function withKeys(factory: Factory, client: string): Promise<Factory> {
  if (process.env['VITRINE_KEYS'] === undefined) return factory;
  const { connectKeys, serverStore } = (await import(pathToFileURL(client).href)) as KeysModule;
  const keys = connectKeys();
  const store = serverStore(keys);
  return (context, ...more) => factory({ ...context, keys, store }, ...more);
}

async function main([module = '', client = '']: readonly string[]): Promise<void> {
  const sdk = stdioPart(module);
  if (sdk === undefined) fail('the folder of the module has no @modelcontextprotocol/server of version 2');
  const loaded = (await import(pathToFileURL(module).href)) as {
    readonly default?: unknown;
    readonly server?: unknown;
  };
  const factory = loaded.default ?? loaded.server;
  if (typeof factory !== 'function') {
    fail('the module has neither a default export nor an export "server" that is a function which makes an McpServer');
  }
  const { serveStdio } = (await import(pathToFileURL(sdk).href)) as StdioModule;
  serveStdio(await withKeys(factory as Factory, client));
}

await main(process.argv.slice(2));
