/** What every command shares: the loaded configuration, and how to fail. */
import type { Adapter, Log, Plugin, VaultLook } from '#contract'
import { type Complaint, formatComplaint } from '../../../config/complaints.ts'
import { discover, type Kind, Misfits } from '../../../config/discover.ts'
import { type Loaded, loadConfig } from '../../../config/load.ts'
import type { GatewayConfig } from '../../../config/model.ts'
import { OfficeError } from '../../office/error.ts'
import { blindLook, vaultLook } from '../../vault/vault.ts'

/** Ends the command with a sentence on stderr and this exit status. */
export class Failure extends Error {
  override name = 'Failure'
  readonly exitStatus: 1 | 2
  /** What the gateway answered, for those who want it as JSON. */
  readonly answer: unknown

  constructor(message: string, exitStatus: 1 | 2 = 1, answer?: unknown) {
    super(message)
    this.exitStatus = exitStatus
    this.answer = answer
  }
}

export const quietLog: Log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

export const DEFAULT_FILE = 'gateway.config.yml'

/** For those who need the credentials; the others never open the vault, and need no master key. */
export const openVault: VaultLook = vaultLook(process.env)

/** Those of the repository, by name. */
export const adapters = (): Promise<ReadonlyMap<string, Adapter>> => discover<Adapter>(folderOf('adapter'), 'adapter')

/** `text`, `folder` and `port`: of a gateway that runs, in place of what the file, its place and the environment say now. */
export async function load(
  file: string | undefined,
  vault: VaultLook = blindLook,
  running: { readonly text?: string; readonly folder?: string; readonly port?: number } = {},
): Promise<Loaded> {
  const misfits: Complaint[] = []
  const [plugins, found] = await Promise.all([ours<Plugin>('plugin', misfits), ours<Adapter>('adapter', misfits)])
  const { port, ...more } = running
  const overrides = { ...portsFrom(process.env), ...(port === undefined ? {} : { port }) }
  const loaded = await loadConfig({ file: file ?? DEFAULT_FILE, env: process.env, adapters: found, plugins, overrides, vault, ...more })
  return misfits.length === 0 ? loaded : { ...loaded, config: undefined, problems: [...misfits, ...loaded.problems] }
}

const folderOf = (kind: Kind): URL => new URL(`../../../${kind}s/`, import.meta.url)

/** Those that fit; the others are complained about, so that all problems are told at once. */
async function ours<T extends { readonly name: string }>(kind: Kind, misfits: Complaint[]): Promise<ReadonlyMap<string, T>> {
  try {
    return await discover<T>(folderOf(kind), kind)
  } catch (error) {
    if (!(error instanceof Misfits)) throw error
    misfits.push(...error.problems.map(({ file, message }) => ({ file: `${kind}s/${file}`, line: 1, column: 1, message })))
    return error.found as ReadonlyMap<string, T>
  }
}

function portsFrom(env: NodeJS.ProcessEnv): { port?: number; adminPort?: number } {
  const read = (name: string): number | undefined => {
    const value = env[name]
    if (value === undefined || value === '') return undefined
    if (!/^\d{1,5}$/.test(value) || Number(value) > 65_535) throw new Failure(`${name}=${value} is no port; expected 0 to 65535`)
    return Number(value)
  }
  const port = read('PORT')
  const adminPort = read('ADMIN_PORT')
  return { ...(port === undefined ? {} : { port }), ...(adminPort === undefined ? {} : { adminPort }) }
}

/** A configuration without problems, as it was loaded. */
export interface Good {
  readonly config: GatewayConfig
  readonly secrets: ReadonlyMap<string, string | Buffer>
  readonly warnings: readonly Complaint[]
}

/** A configuration without problems; each problem is printed, one a line, else. */
export async function loadGood(file: string | undefined, vault: VaultLook = blindLook): Promise<Good> {
  const { config, secrets, problems, warnings } = await load(file, vault)
  if (config === undefined) throw new Failure(problems.map(formatComplaint).join('\n'))
  return { config, secrets, warnings }
}

/** What a person did wrong, or what cannot be had: one sentence. Anything else is a fault of ours and keeps its stack. */
export const sentenceOf = (error: unknown): string | undefined =>
  error instanceof Failure ||
  error instanceof OfficeError ||
  (error instanceof Error &&
    ['FolderError', 'StoreError', 'PlanError', 'JournalError', 'BooksError', 'PortError', 'VaultError', 'WorkerError', 'KitError', 'Misfits'].includes(
      error.name,
    ))
    ? error.message
    : undefined
