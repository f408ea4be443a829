/** The thread of the books in PostgreSQL: everything that parses, packs and waits for the server, off the thread that takes calls. */
import { workerData } from 'node:worker_threads'
import { answerAll, tell } from '../answering.ts'
import { callPage } from '../call-pages.ts'
import { type Asks, groupsIn } from '../thread.ts'
import { addressOf, schemaOf } from './address.ts'
import { connect, discard, poolOf, READ_MS, WRITE_MS } from './connection.ts'
import { Feeding } from './feeding.ts'
import { AuditRows, provenAudit } from './kept.ts'
import { proven } from './proof.ts'
import { Pulse } from './pulse.ts'
import { Reader } from './reader.ts'
import { prepare, type Wish } from './schema.ts'

export type Setting = Wish & { readonly url: string }

const setting = workerData as Setting
const address = addressOf(setting.url)
const schema = schemaOf(setting.name)
const failures = { pulse: undefined as string | undefined, feeding: undefined as string | undefined }

function tellFailure(of: keyof typeof failures): (failure: string | undefined) => void {
  return (failure) => {
    const before = failures.pulse ?? failures.feeding
    failures[of] = failure
    const now = failures.pulse ?? failures.feeding
    if (now !== before) tell({ failure: now })
  }
}

const pool = poolOf(setting.url, { use: 'reader', queryMs: READ_MS })
const reader = new Reader(pool, schema)
const audit = new AuditRows(pool, schema)
let feeding: Feeding | undefined
let pulse: Pulse | undefined

/** Everything fed before is read: no answer is better than an old one. */
async function current(): Promise<Reader> {
  await feeding?.caughtUp()
  return reader
}

const asks: Asks = {
  async start() {
    const client = await connect(setting.url, { use: 'start', queryMs: WRITE_MS })
    try {
      await prepare(client, schema, address, setting)
    } finally {
      discard(client)
    }
    feeding = new Feeding({ url: setting.url, address, schema, keeps: setting.kind === 'journal', tell: tellFailure('feeding') })
    pulse = new Pulse({ url: setting.url, address, tell: tellFailure('pulse') })
    return this.footing()
  },
  async footing() {
    const leads = feeding?.leads
    return leads === undefined ? { ...(await reader.standing()), term: undefined } : { ...leads.standing, term: leads.term }
  },
  put: async (groups, term) => feeding?.put(groups, term),
  async take(block) {
    await feeding?.put(groupsIn(block), 0)
    tell({ durable: block.first + block.ends.length - 1 })
    return block.memory
  },
  report: async (month) => (await current()).report(month),
  statement: async (account, limit) => (await current()).statement(account, limit),
  balances: async () => (await current()).balances(),
  unitsBooked: async () => (await current()).unitsBooked(),
  entriesAfter: async (after, count) => (await current()).entriesAfter(after, count),
  entry: async (id) => (await current()).entry(id),
  charged: async (receipt) => (await current()).charged(receipt),
  callsAfter: async (ask) => callPage(await current(), ask),
  async proof() {
    await current()
    return proven(setting.url, schema)
  },
  async auditTail(ask) {
    await current()
    return audit.tail(ask)
  },
  async auditProof() {
    await current()
    return provenAudit(setting.url, schema)
  },
  auditStretch: (from, to) => audit.stretch(from, to),
  auditLines: (from, to) => audit.between(from, to),
  async close() {
    pulse?.close()
    await feeding?.close()
    await pool.end().catch(() => undefined)
  },
}

answerAll(asks)
