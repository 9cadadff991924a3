/**
 * What runs inside the enclave beside the hosted server: finding and measuring its code, configuration,
 * front door with the attested channel, MCP gateway.
 *
 * @module
 */
export type { Configuration, ServerChoice } from './config/configuration.ts';
export { CONFIGURATION_NAME, readConfiguration } from './config/configuration-file.ts';
export { type InitialConfiguration, initialConfiguration } from './config/initial-configuration.ts';
export { configurationSchema } from './config/json-schema.ts';
export { type Resolved, resolveManifest } from './config/resolve-manifest.ts';
export type { ResolveOptions } from './config/resolve-options.ts';
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
export { type Chosen, chooseHousing, type HousingRequest } from './housing/choose-housing.ts';
export type { Housing, Obtained, ServerTemplate } from './housing/housing.ts';
export { type LocalKeyServiceOptions, localKeyService } from './local-key-service.ts';
export { type EnclaveOptions, type RunningEnclave, startEnclave } from './run-enclave.ts';
export { usableBubblewrap } from './sandbox/usable-bubblewrap.ts';
export { type ServeSettings, type Serving, serve } from './serve.ts';
export { type ExactSourceOptions, exactSource } from './source/exact-source.ts';
export { findExecutable } from './source/find-executable.ts';
export { findNpm, type NpmCommand } from './source/npm-command.ts';
