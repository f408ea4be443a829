/** The embedded books' own thread: the one writer of the file, fed with groups, asked for reports. */
import { workerData } from 'node:worker_threads'
import { answerAll, tell } from './answering.ts'
import { Booking } from './booking.ts'
import { callPage } from './call-pages.ts'
import { Ledger } from './ledger.ts'
import { proven, provenAudit } from './proof.ts'
import { type Asks, type Block, type Footing, groupsIn } from './thread.ts'
import { Writing } from './writing.ts'

export interface Setting {
  readonly file: string
  readonly keepsLines: boolean
}

const HOLD_MS = 1000

const { file, keepsLines } = workerData as Setting
const writing = new Writing({
  open: () => new Ledger(file, { keepsLines }),
  booking: () => new Booking({ keepsLines }),
  tell: (failure) => tell({ failure }),
  // An outbox is told what is durable here, and keeps its entries until then; a journal has its groups in any case.
  holdMs: keepsLines ? 0 : HOLD_MS,
})

const take = (block: Block): Promise<ArrayBuffer> =>
  new Promise((resolve) => {
    const written = writing.put(groupsIn(block), () => resolve(block.memory))
    void written.then(() => tell({ durable: block.first + block.ends.length - 1 }))
  })
/** Nobody else feeds this file: one term, for as long as it is used. */
const footing = async (): Promise<Footing> => ({ ...writing.standing, term: 1 })

const asks: Asks = {
  start: footing,
  footing,
  put: (groups) => writing.put(groups),
  take,
  report: async (month) => writing.current().report(month),
  statement: async (account, limit) => writing.current().statement(account, limit),
  balances: async () => writing.current().balances(),
  unitsBooked: async () => writing.current().unitsBooked(),
  entriesAfter: async (after, count) => writing.current().entriesAfter(after, count),
  entry: async (id) => writing.current().entry(id),
  charged: async (receipt) => writing.current().charged(receipt),
  callsAfter: async (ask) => callPage(writing.current().kept, ask),
  async proof() {
    writing.current()
    return proven(file, { keepsLines })
  },
  auditTail: async (ask) => writing.current().audit.tail(ask),
  async auditProof() {
    writing.current()
    return provenAudit(file, { keepsLines })
  },
  auditStretch: async (from, to) => writing.current().audit.stretch(from, to),
  auditLines: async (from, to) => writing.current().audit.between(from, to),
  close: async () => writing.close(),
}

answerAll(asks)
