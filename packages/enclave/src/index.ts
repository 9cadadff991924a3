/**
 * What runs inside the enclave beside the hosted server: finding and measuring its code, configuration,
 * front door with the attested channel, MCP gateway.
 *
 * @module
 */
export type { Configuration, ServerChoice } from './config/configuration.ts';
export { CONFIGURATION_NAME, readConfiguration } from './config/configuration-file.ts';
export { type Resolved, type ResolveOptions, resolveManifest } from './config/resolve-manifest.ts';
export {
  type ListenSettings,
  type ReadConfiguration,
  type RunFlags,
  type Settings,
  settingsOf,
} from './config/settings.ts';
export { LockMismatchError, SourceUnavailableError } from './errors.ts';
export type { FrontDoorLimits } from './front-door/front-door.ts';
export { ServerFailedError } from './gateway/failure.ts';
export { createGateway, type Gateway, type GatewayOptions } from './gateway/gateway.ts';
export type { ServerLaunch } from './gateway/server-process.ts';
export { type EnclaveOptions, type RunningEnclave, startEnclave } from './run-enclave.ts';
