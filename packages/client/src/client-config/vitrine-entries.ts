/**
 * Finds the entries of Vitrine's own bridge in the configuration of an MCP client, so that somebody can
 * look whether they still work. Reads text, and changes nothing.
 *
 * @module
 */
import type { ConfigTarget } from './mcp-clients.ts';
import { parseConfig } from './parse-config.ts';

/** An entry that starts the bridge. */
export interface VitrineEntry {
  readonly name: string;
  /** The server's URL, if the entry names one. */
  readonly url?: string;
  /** The version of the bridge that npx is to fetch. */
  readonly version?: string;
  /** Whether it brings a policy of its own, so that the server need not be pinned. */
  readonly ownPolicy: boolean;
  /** The Vitrine directory that it names in its environment. */
  readonly home?: string;
  /** Absolute paths that must exist for the entry to start. */
  readonly files: readonly string[];
}

/**
 * The entries of the bridge in `text`, in the order of the file.
 *
 * @throws UsageError for a file that is not what the client would write.
 */
export function vitrineEntries(text: string, target: ConfigTarget): readonly VitrineEntry[] {
  if (text.trim() === '') return [];
  const servers = target.path.reduce<unknown>((value, key) => memberOf(value, key), parseConfig(text, target));
  if (typeof servers !== 'object' || servers === null) return [];
  return Object.entries(servers).flatMap(([name, entry]) => {
    const found = vitrineEntry(name, wordsOf(entry), memberOf(memberOf(entry, 'env'), 'VITRINE_HOME'));
    return found === undefined ? [] : [found];
  });
}

function vitrineEntry(name: string, words: readonly string[], home: unknown): VitrineEntry | undefined {
  const version = words.map((word) => /^@vitrine\/client@(.+)$/.exec(word)?.[1]).find((found) => found !== undefined);
  const script = words.find((word) => /[/\\]vitrine-connect(?:\.js)?$/.test(word));
  const command = words.findIndex((word) => /(?:^|[/\\])vitrine(?:\.js|\.cmd)?$/.test(word));
  const connects = command >= 0 && words.slice(command + 1).some((word) => word === 'connect');
  if (version === undefined && script === undefined && !connects) return undefined;
  const url = words.find((word) => word.startsWith('https://'));
  return {
    name,
    ...(url === undefined ? {} : { url }),
    ...(version === undefined ? {} : { version }),
    ...(typeof home === 'string' && home !== '' ? { home } : {}),
    ownPolicy: words.some((word) => word === '--policy' || word.startsWith('--policy=')),
    files: words.filter((word) => /^(?:\/|[A-Za-z]:[/\\])/.test(word) && !/^\/c$/i.test(word)),
  };
}

/** Command and arguments; whatever else is there is left out. */
function wordsOf(entry: unknown): readonly string[] {
  const args = memberOf(entry, 'args');
  return [memberOf(entry, 'command'), ...(Array.isArray(args) ? (args as readonly unknown[]) : [])].filter(
    (word) => typeof word === 'string',
  );
}

function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}
