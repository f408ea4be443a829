/** Loads gateway.config.yml: one pass that finds all problems, each with its place, or gives finished values. Start here. */

import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { type Adapter, sha256, type VaultLook, type VaultPlace, type Webhook } from '#contract'
import { defaultChain, finishChain, readChain } from './chain.ts'
import { type Complaint, Complaints, START } from './complaints.ts'
import { readConnections, type Subscription } from './connections.ts'
import { type CoreFields, coreFields } from './core.ts'
import { decode } from './decode.ts'
import { discover } from './discover.ts'
import { checkPayout, groundOf } from './drivers.ts'
import type { Complete, Decoded } from './fields.ts'
import { addFolders } from './folders.ts'
import type { GatewayConfig, Limits, Route } from './model.ts'
import { type Env, resolveReferences } from './references.ts'
import { checkAdditions, defaultRoutes, type RouteScope, readRoutes, type Stock, widened } from './routes.ts'
import { addressesOf, checkServing, type Ports } from './serving.ts'
import { shownText } from './shown.ts'
import { type Vocabulary, validate } from './validate.ts'
import { askVault, checkVault, ownCopy, type Vaulted, vaultPlaceOf } from './vault.ts'
import { warn } from './warnings.ts'
import { readWebhooks } from './webhooks.ts'
import { childOf, entryOf, type MapNode, type Node, parseYaml } from './yaml.ts'

export interface LoadOptions extends Vocabulary {
  /** As the operator named it; complaints repeat it. */
  readonly file: string
  /** Its text, where that does not come from the disk. */
  readonly text?: string
  readonly env: Env
  /** What its paths are relative to, where that is not where it stands. */
  readonly folder?: string
  /** PORT and ADMIN_PORT: they change only the ports. */
  readonly overrides?: Ports
  /** What answers `vault:NAME`; asked only where something refers to it. */
  readonly vault?: VaultLook
  /** For the age of credentials; default: now. */
  readonly nowMs?: number
  /** How `adapter_dirs` and `plugin_dirs` are read. */
  readonly discover?: typeof discover
}

export interface Loaded {
  /** Undefined exactly when there are problems. */
  readonly config: GatewayConfig | undefined
  /** Connection name -> credential, as bytes where it comes from the vault. Nowhere else. */
  readonly secrets: ReadonlyMap<string, string | Buffer>
  readonly problems: readonly Complaint[]
  readonly warnings: readonly Complaint[]
}

/** Never throws for what a file holds; a plugin or adapter folder that cannot be read is a problem like any other. */
export async function loadConfig(options: LoadOptions): Promise<Loaded> {
  const read = options.text === undefined ? await readText(options.file) : { text: options.text }
  const complaints = new Complaints(options.file, read.text ?? '')
  if (read.text === undefined) complaints.error(START, read.why)
  const root = read.text === undefined ? undefined : parseYaml(read.text, complaints)
  if (root === undefined) return { config: undefined, secrets: new Map(), problems: complaints.problems, warnings: [] }
  resolveReferences(root, options.env, complaints)
  const folder = options.folder ?? dirname(resolve(options.file))
  const vocabulary = await addFolders(root, options, { folder, complaints, discover: options.discover ?? discover })
  validate(root, vocabulary, complaints)
  const { finished, subscriptions } = await build(root, vocabulary, {
    options,
    complaints,
    folder,
    text: read.text ?? '',
  })
  for (const subscription of subscriptions) warn(subscription, options.nowMs ?? Date.now(), complaints)
  const problems = complaints.problems
  const ok = problems.length === 0
  const config = ok ? finished() : undefined
  return { config, secrets: secretsOf(subscriptions, ok), problems, warnings: complaints.warnings }
}

/** Each its own bytes, since whoever takes them clears them. A refused file gives none. */
function secretsOf(subscriptions: readonly Subscription[], ok: boolean): ReadonlyMap<string, string | Buffer> {
  const secrets = new Map<string, string | Buffer>()
  for (const { connection, secret } of subscriptions) {
    if (ok && secret !== undefined) secrets.set(connection.name, typeof secret === 'string' ? secret : ownCopy(secret))
  }
  for (const { secret } of subscriptions) if (typeof secret === 'object') secret.fill(0)
  return secrets
}

const REASONS: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EISDIR: 'it is a folder', EACCES: 'this user may not read it' }

async function readText(file: string): Promise<{ text: string } | { text: undefined; why: string }> {
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await readFile(file)) }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    const why = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'it is not UTF-8' : (REASONS[code] ?? code)
    return { text: undefined, why: `cannot be read: ${why}; expected a configuration such as gateway.config.yml` }
  }
}

interface Ground {
  readonly options: LoadOptions
  readonly complaints: Complaints
  readonly folder: string
  readonly text: string
}

interface Built {
  /** Asked only when nothing was complained about, and then nothing is missing. */
  readonly finished: () => GatewayConfig
  readonly subscriptions: readonly Subscription[]
}

async function build(root: MapNode, vocabulary: Vocabulary, ground: Ground): Promise<Built> {
  const { complaints, options, folder } = ground
  const fields = coreFields([...vocabulary.adapters.keys()])
  const values = decode(fields, root, { complaints, of: undefined, where: START })
  const scope: RouteScope = {
    complaints,
    ...vocabulary,
    mode: values.mode ?? 'sandbox',
    allowPrivate: values.upstream?.allow_private ?? false,
    operations: undefined,
  }
  checkServing(values, root, complaints, { ports: options.overrides ?? {}, resolve: (path) => resolve(folder, path) })
  checkVault(values, root, options.env, complaints)
  const vault = vaultPlaceOf(values, folder, (path) => resolve(folder, path))
  const vaulted = await askVault(values, options.vault, vault)
  checkPayout(values, root, vaulted, complaints)
  const webhooks = readWebhooks(values, root, { ...scope, vaulted })
  const stock = readConnections(values.api_connections ?? [], itemsOf(root, 'api_connections'), { ...scope, vaulted })
  if (values.api_connections?.length === 0)
    complaints.warn(entryOf(root, 'api_connections')?.key ?? START, 'api_connections is empty; there is nothing to sell')
  checkAdditions(stock, scope)
  const routes = buildRoutes(values, root, stock, { ...scope, operations: operationsOf(stock) })
  const parts = { stock, routes, ground, vault, vaulted, webhooks }
  return { finished: () => ({ ...finish(values as Complete<CoreFields>, parts), shown: shownText(ground.text, root) }), subscriptions: stock.subscriptions }
}

const operationsOf = ({ drafts, subscriptions }: Stock): ReadonlySet<string> | undefined =>
  drafts.length === subscriptions.length
    ? new Set(subscriptions.flatMap(({ adapter, connection }) => [...adapter.operations, ...connection.operations].map(({ id }) => id)))
    : undefined

const itemsOf = (root: MapNode, name: string): readonly Node[] => {
  const node = childOf(root, name)
  return node?.kind === 'list' ? node.items : []
}

function buildRoutes(values: Decoded<CoreFields>, root: MapNode, stock: Stock, scope: RouteScope): readonly Route[] {
  const list = values.plugins
  const written = entryOf(root, 'plugins')
  const draft =
    list?.kind === 'list' ? readChain(list, written?.key ?? START, scope) : written === undefined ? defaultChain(scope) : { links: [], at: START, whole: false }
  const common = { draft, finished: finishChain(draft, scope) }
  if (entryOf(root, 'routes') === undefined) return defaultRoutes(stock, common.finished, scope)
  return readRoutes(values.routes ?? [], itemsOf(root, 'routes'), stock, common, scope)
}

interface Parts {
  readonly stock: Stock
  readonly routes: readonly Route[]
  readonly ground: Ground
  readonly vault: VaultPlace
  readonly vaulted: Vaulted
  readonly webhooks: readonly Webhook[]
}

function finish(values: Complete<CoreFields>, { stock, routes, ground, vault, vaulted, webhooks }: Parts): Omit<GatewayConfig, 'shown'> {
  const { folder, text, options } = ground
  const digest = sha256(text)
  const { upstream, trusted_proxies: trustedProxies, public_url: publicUrl } = values
  return {
    ...{ file: options.file, digest, folder, mode: values.mode, routes, trustedProxies },
    ...(publicUrl === undefined ? {} : { publicUrl: new URL(publicUrl).origin }),
    ...addressesOf(values, options.overrides ?? {}, (path) => resolve(folder, path)),
    ...groundOf(values, (path) => resolve(folder, path), vaulted),
    ...{ vault, webhooks },
    connections: stock.subscriptions.map(({ connection }) => connection),
    adapters: adaptersOf(stock),
    upstream: {
      allowPrivate: upstream.allow_private,
      timeoutMs: upstream.timeout,
      bufferBytes: upstream.buffer,
      floor: Number(upstream.floor.num) / Number(upstream.floor.den),
    },
    limits: limitsOf(values.limits),
    workers: values.workers,
  }
}

const limitsOf = (limits: Complete<CoreFields>['limits']): Limits => ({
  headerBytes: limits.header_bytes,
  headers: limits.headers,
  bodyBytes: limits.body,
  headersWithinMs: limits.headers_within,
  idleMs: limits.idle,
  connections: limits.connections,
  connectionsPerAddress: limits.connections_per_address,
  concurrentPerConsumer: limits.concurrent_per_consumer,
})

function adaptersOf({ subscriptions }: Stock): ReadonlyMap<string, Adapter> {
  const found = new Map<string, Adapter>()
  for (const { adapter } of subscriptions) {
    const pool = subscriptions.flatMap(({ connection }) => (connection.adapter === adapter.name ? [connection] : []))
    if (!found.has(adapter.name)) found.set(adapter.name, widened(adapter, pool))
  }
  return found
}
