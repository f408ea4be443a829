/** A whole gateway that sells one adapter, in front of a simulator of its provider; without ports of its own, and gone when it is closed. */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Adapter, isRefusal, type Operation, type OperationRequest, type Plugin, refusals, sha256, usd } from '#contract'
import { formatComplaint } from '../../config/complaints.ts'
import { loadConfig } from '../../config/load.ts'
import { Gateway } from '../gateway.ts'
import { systemChance, systemClock } from '../ground/index.ts'
import { type Simulator, startSimulator } from '../sandbox/simulator.ts'
import { requestOf } from './adapter-guarantees.ts'
import { Ear, type Heard, type LogLine, memoryLog, temporaryFolder } from './stage-parts.ts'

const QUOTA = 1_000_000_000
const KEY = 'atlas_kit'

/** What a consumer sends to the API of the adapter. */
export interface Sending {
  readonly method: string
  /** After the API's own name, encoded. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>> | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Default: true. */
  readonly pays?: boolean
}

/** The example of the operation as a consumer would send it. */
export function exampleOf(operation: Operation): Sending & { readonly request: OperationRequest } {
  const request = requestOf(operation)
  const path = operation.path.replace(/:([A-Za-z_]\w*)/g, (_, name: string) => encodeURIComponent(request.params[name] ?? name)).replace(/\/\*\*$/, '/any/path')
  const takesBody = operation.body !== undefined || operation.example?.body !== undefined
  return {
    ...{ method: operation.method === 'ANY' ? 'GET' : operation.method, path, query: request.query, request },
    body: takesBody && operation.method !== 'GET' ? (operation.example?.body ?? {}) : undefined,
  }
}

/** One of the connections, each with a credential of its own. */
export interface Door {
  readonly name: string
  readonly credential: string
}

export class Place {
  readonly gateway: Gateway
  readonly simulator: Simulator
  readonly doors: readonly Door[]
  readonly logged: LogLine[]
  readonly #adapter: Adapter
  readonly #folder: string
  #calls = 0

  private constructor(parts: { gateway: Gateway; simulator: Simulator; doors: readonly Door[]; logged: LogLine[]; adapter: Adapter; folder: string }) {
    this.gateway = parts.gateway
    this.simulator = parts.simulator
    this.doors = parts.doors
    this.logged = parts.logged
    this.#adapter = parts.adapter
    this.#folder = parts.folder
  }

  /** @param count connections, of which each can be the only one on sale. @throws Error with the complaints of the configuration */
  static async open(adapter: Adapter, plugins: ReadonlyMap<string, Plugin>, count: number): Promise<Place> {
    const folder = temporaryFolder('atlas-kit-')
    const logged: LogLine[] = []
    const doors = Array.from({ length: count }, (_, at) => ({ name: `${adapter.name}-${at}`, credential: credentialFor(adapter) }))
    const simulator = await startSimulator({ clock: systemClock, paced: false })
    for (const { name, credential } of doors) simulator.register({ name, adapter, credential, quota: QUOTA })
    try {
      const text = JSON.stringify(configOf(adapter, doors, simulator))
      const loaded = await loadConfig({ file: join(folder, 'gateway.config.yml'), text, env: {}, adapters: new Map([[adapter.name, adapter]]), plugins })
      if (loaded.config === undefined) throw new Error(loaded.problems.map(formatComplaint).join('\n'))
      const gateway = await Gateway.open(loaded.config, loaded.secrets, { log: memoryLog(logged), briefly: true, env: {} })
      await gateway.ground.admin.createKey({ id: 'kit', hash: sha256(KEY), role: 'consumer', credits: usd('$1000000') })
      return new Place({ gateway, simulator, doors, logged, adapter, folder })
    } catch (error) {
      await simulator.close()
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Puts this connection on sale, and no other. */
  async onlySells({ name }: Door): Promise<void> {
    for (const door of this.doors) await this.gateway.ground.admin.setEnabled(door.name, door.name === name, false)
  }

  async send({ method, path, query, body, headers = {}, pays = true }: Sending): Promise<Heard> {
    this.#calls += 1
    const written = new URLSearchParams(query).toString()
    const all = { ...headers, ...(pays ? { authorization: `Bearer ${KEY}` } : {}), ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
    const lower = new Map(Object.entries(all).map(([name, value]) => [name.toLowerCase(), value]))
    const incoming = {
      ...{
        id: `kit-${this.#calls}`,
        method,
        target: `/${this.#adapter.name}${path}${written === '' ? '' : `?${written}`}`,
        address: '127.0.0.1',
        loopback: true,
      },
      ...{ rawHeaders: Object.entries(all).flat(), header: (name: string) => lower.get(name) },
    }
    const { engine } = this.gateway
    const target = engine.target(incoming)
    if (isRefusal(target)) return { status: refusals[target.code].status, headers: {}, body: JSON.stringify({ code: target.code, detail: target.detail }) }
    const ear = new Ear()
    engine.begin(incoming, target, Buffer.from(body === undefined ? '' : JSON.stringify(body)), ear)
    return ear.done
  }

  /** Ends everything, and says in which files of the data folder, and how often in the log, one of the credentials stands. */
  async close(): Promise<{ readonly files: readonly string[]; readonly lines: number }> {
    await this.gateway.close(0)
    await this.simulator.close()
    const secrets = this.doors.flatMap(({ credential }) => spellings(credential))
    const files = filesBelow(this.#folder).filter((file) => holds(readFileSync(file), secrets))
    const lines = this.logged.filter((line) => holds(Buffer.from(JSON.stringify(line)), secrets)).length
    rmSync(this.#folder, { recursive: true, force: true })
    return { files: files.map((file) => file.slice(this.#folder.length + 1)), lines }
  }
}

const credentialFor = ({ credential }: Adapter): string => `${credential.in === 'basic' ? 'kit:' : ''}secret-${systemChance.hex(16)}`

/** As it is, and as it may stand in a URL, a header or a JSON text. */
export const spellings = (credential: string): readonly string[] => [
  credential,
  encodeURIComponent(credential),
  Buffer.from(credential).toString('base64'),
  Buffer.from(credential).toString('base64url'),
]

export const holds = (bytes: Buffer, secrets: readonly string[]): boolean => secrets.some((secret) => bytes.includes(secret))

const configOf = (adapter: Adapter, doors: readonly Door[], simulator: Simulator): object => ({
  ...{ listen: '127.0.0.1:0', admin: { listen: '127.0.0.1:0' }, mode: 'sandbox', upstream: { allow_private: true } },
  api_connections: doors.map(({ name, credential }) => ({
    ...{ name, adapter: adapter.name, base_url: simulator.baseUrl(name), resale_terms: 'agreement:kit' },
    ...{ monthly_quota: QUOTA, reserved: 0, base_cost: '$0.01', markup: '3x' },
    ...(adapter.credential.in === 'none' ? {} : { api_key: credential }),
  })),
  plugins: ['auth', { 'rate-limit': { per_consumer: '1000000/second', burst: 1_000_000 } }, 'markup-billing', 'quota-reserve'],
})

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile())
