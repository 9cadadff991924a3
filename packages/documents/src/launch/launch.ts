/**
 * Launch documents: what a platform starts a workload by, and whose digest its evidence has. An entry point of its
 * own, since most readers of documents never meet one.
 *
 * @module
 */
export { type AgentImage, type AgentPolicyTerms, parseAgentPolicy, renderAgentPolicy } from './agent-policy.ts';
export {
  type AppCompose,
  type AppComposeSettings,
  type AppComposeTerms,
  parseAppCompose,
  renderAppCompose,
} from './app-compose.ts';
export { type ComposeFile, type ComposeService, MANIFEST_VARIABLE } from './compose-file.ts';
export {
  carriedInitDataDigest,
  type InitDataAlgorithm,
  type InitDataTerms,
  initDataDigest,
  parseInitData,
  renderInitData,
} from './init-data.ts';
export { LaunchError } from './launch-error.ts';
