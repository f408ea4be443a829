/** The kit for contributors, as `atlas-gateway/kit`: the stage for tests of a plugin, and the verdicts of the commands. */
export { type Asking, type Ended, type Said, Stage, type StageOptions } from './stage.ts'
export { type Provider, type ProviderAnswer, stageConnection, stageOperations } from './stage-parts.ts'
export { isGood, shown, testAdapter, testPlugin, type Verdict } from './verdict.ts'
export type { Finding } from './drive.ts'
export { KitError } from './found.ts'
