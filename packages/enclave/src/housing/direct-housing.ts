/**
 * No sandbox: the server is an ordinary process of this user. For machines on which none can be had, and
 * where the operator wants none. What it costs is attested: the network is open, and files are in the
 * clear.
 *
 * @module
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { KEY_SOCKET, KEY_SOCKET_VARIABLE } from '@vitrine/keys/client';
import { launchEnvironment, temporaryDirectory } from '../config/launch-environment.ts';
import { ownProcessGroup } from '../gateway/process-group.ts';
import { ANYBODY } from '../guard/principal.ts';
import type { House, Housing, ServerTemplate } from './housing.ts';

export interface DirectHousingOptions {
  readonly template: ServerTemplate;
  /** The server's data, below which every principal has a directory of its own. */
  readonly dataDirectory: string;
  readonly platform: NodeJS.Platform;
  /** Where Windows is installed. */
  readonly systemRoot: string | undefined;
  /** Whether servers get a socket to the key service. */
  readonly keySocket: boolean;
}

export function directHousing(options: DirectHousingOptions): Housing {
  const { template, dataDirectory, platform, systemRoot, keySocket } = options;
  /** A port of this machine is for one process. */
  let isPortTaken = false;
  return {
    obtained: { process: 'none', seccomp: false, cgroup: false, volume: 'directory' },
    keySockets: keySocket ? [KEY_SOCKET] : [],
    async house(principal): Promise<House> {
      const { httpPort } = template;
      if (httpPort !== undefined && isPortTaken) {
        throw new Error(`port ${httpPort} has a server already, and without a sandbox there can be only one`);
      }
      isPortTaken = true;
      const own = principalDirectory(dataDirectory, principal);
      try {
        await mkdir(temporaryDirectory(own), { recursive: true, mode: 0o700 });
      } catch (cause) {
        isPortTaken = false;
        throw cause;
      }
      const environment = launchEnvironment({
        configured: keySocket
          ? { ...template.environment, [KEY_SOCKET_VARIABLE]: `fd:${KEY_SOCKET}` }
          : template.environment,
        command: template.command,
        dataDirectory: own,
        platform,
        systemRoot,
      });
      return {
        start: () =>
          spawn(template.command, [...template.args], {
            cwd: template.workingDirectory ?? own,
            env: { ...environment },
            shell: false,
            windowsHide: true,
            detached: ownProcessGroup,
            stdio: keySocket ? ['pipe', 'pipe', 'pipe', 'pipe'] : 'pipe',
            // With 'pipe' for the first three, Node gives streams for them.
          }) as ChildProcessWithoutNullStreams,
        ...(httpPort === undefined ? {} : { http: { port: httpPort } }),
        egress: () => new Map(),
        verdict: () => undefined,
        async dispose() {
          isPortTaken = false;
        },
      };
    },
    close: async () => undefined,
  };
}

/** A directory for each principal, whose name says nothing about who it is. */
function principalDirectory(base: string, principal: string): string {
  if (principal === ANYBODY.id) return base;
  return path.join(`${base}.principals`, createHash('sha256').update(principal).digest('hex').slice(0, 32));
}
