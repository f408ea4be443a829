/** A month of traffic by chance, up to a minute ago, traded in one market and written down as a gateway would have: a journal and the log of uncharged calls. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CallRecord, type EpochMs, shortCall, type Units } from '#contract'
import { intentLine, lineOf } from '../../gateway/stores/lines.ts'
import type { ChargeFields, JournalRecord } from '../../gateway/stores/records.ts'
import { JournalWriter, snapshotJournal } from './growth.ts'
import type { Demand, Market, Seller, Traded } from './market.ts'

const DAY_MS = 86_400_000
const HEX = 'ab'.repeat(32)
const TOOK_MS = 40
const GRANT = '1000000000000'
/** Of every so many charges one has an Idempotency-Key and a stored answer. */
const NAMED_EVERY = 20

const OPERATIONS = [
  { api: 'nansen', operation: 'profiler-address-current-balance', units: [1] },
  { api: 'nansen', operation: 'profiler-address-counterparties', units: [5] },
  // Its units depend on the request.
  { api: 'nansen', operation: 'tgm-holders', units: [1, 5] },
  { api: 'acme', operation: 'search', units: [2] },
] as const

export const OWNERS: Readonly<Record<string, string>> = { 'key:own-alice': 'alice', 'key:own-carol': 'carol' }
const KEYS = Array.from({ length: 60 }, (_, index) => `key:k${index}`)
const WALLETS = Array.from({ length: 20 }, (_, index) => `wallet:0x${(index + 16).toString(16).padStart(40, '0')}`)

/** Sorted by time. Some come in bursts, of one consumer. */
export function demandsOf(count: number, endMs: number, random: () => number): readonly Demand[] {
  const startMs = endMs - 29.5 * DAY_MS
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T
  const demands: Demand[] = []
  while (demands.length < count) {
    const at = Math.floor(startMs + random() * (endMs - startMs))
    const isOwn = random() < 0.03
    const consumer = isOwn ? pick(Object.keys(OWNERS)) : random() < 0.8 ? pick(KEYS) : pick(WALLETS)
    const burst = !isOwn && random() < 0.01 ? 30 : 1
    for (let index = 0; index < burst && demands.length < count; index += 1) {
      const { api, operation, units } = isOwn ? pick(OPERATIONS.filter((one) => (one.api === 'acme') === (OWNERS[consumer] === 'carol'))) : pick(OPERATIONS)
      const requested = pick(units)
      const actual = units.length > 1 && random() < 0.3 ? Math.ceil(requested * random()) || 1 : requested
      const chance = random()
      const fate = chance < 0.02 ? 'failed' : chance < 0.04 ? 'passed' : 'ok'
      const refunded = fate === 'ok' && !isOwn && random() < 0.002
      demands.push({ at: at + index * 37, api, operation, requested, actual, consumer, owner: OWNERS[consumer], fate, refunded })
    }
  }
  demands.sort((a, b) => a.at - b.at)
  // In which order two calls of one millisecond came is not recorded.
  let last = Number.NEGATIVE_INFINITY
  return demands.map((demand) => {
    last = Math.max(last + 1, demand.at)
    return { ...demand, at: last }
  })
}

const isX402 = ({ consumer }: Demand): boolean => consumer.startsWith('wallet:')
/** When its charge took effect. */
export const chargedAt = (demand: Demand): number => demand.at + (isX402(demand) ? TOOK_MS * 5 : TOOK_MS)

/** Writes all of it into the folder of a store; `nowMs` is that of the snapshot. */
export function writeMonth(folder: string, market: Market, traded: readonly Traded[], nowMs: number, grant = GRANT): void {
  mkdirSync(folder, { recursive: true })
  const writer = new JournalWriter(folder)
  const put = (record: JournalRecord): void => writer.write(record.t === 'intent' ? intentLine(record, undefined) : lineOf(record))
  const first = traded[0]?.demand.at ?? nowMs
  put({ t: 'open', v: 1, mode: 'sandbox', name: 'atlas', at: first })
  for (const consumer of [...KEYS, ...Object.keys(OWNERS)]) {
    const id = consumer.slice('key:'.length)
    const whose = OWNERS[consumer] === undefined ? { role: 'consumer' as const } : { role: 'owner' as const, owner: OWNERS[consumer] as string }
    put({ t: 'key', key: { id, hash: `hash of ${id}`, ...whose, account: consumer, createdAtMs: first as EpochMs } })
    if (whose.role === 'consumer') put({ t: 'credit', id: `grant-${id}`, account: consumer, amount: grant, from: 'grant', at: first })
  }
  const uncharged: string[] = []
  for (const [index, one] of traded.entries()) {
    const { demand, result } = one
    if (result.kind === 'sold' || result.kind === 'own') for (const record of chargesOf(index, one, result, market)) put(record)
    else uncharged.push(JSON.stringify(callOf(index, demand, { market, ...unchargedOf(one) })))
    if (result.kind === 'failed') {
      const { name: connection, owner } = result.seller
      put({ t: 'wasted', connection, owner, period: startOf(result.seller, demand.at), units: result.wasted, at: demand.at + TOOK_MS, by: receiptOf(index) })
    }
  }
  writer.close()
  writeFileSync(join(folder, 'calls.jsonl'), uncharged.map((line) => `${line}\n`).join(''))
  snapshotJournal(folder, nowMs)
}

const receiptOf = (index: number): string => `rc_${index.toString(16).padStart(40, '0')}`
const startOf = ({ period }: Seller, at: number): number =>
  period === 'day' ? at - (at % DAY_MS) : Date.UTC(new Date(at).getUTCFullYear(), new Date(at).getUTCMonth(), 1)

interface Ended extends Pick<CallRecord, 'kind' | 'status' | 'code' | 'units' | 'price' | 'attempts' | 'receipt'> {
  readonly market: Market
}

const NOTHING = { units: 0, price: '0', receipt: undefined, code: undefined }

function unchargedOf({ demand, result }: Traded): Omit<Ended, 'market'> {
  if (result.kind === 'refused') return { ...NOTHING, kind: 'refused', status: result.code === 'sold_out' ? 503 : 429, code: result.code, attempts: [] }
  const seller = (result as { seller: Seller }).seller.name
  const tried = { connection: seller, units: demand.requested as Units, tookMs: TOOK_MS }
  if (result.kind === 'passed')
    return { ...NOTHING, kind: 'passed', status: 404, attempts: [{ ...tried, status: 404, meaning: 'not-found', used: 'returned' }] }
  return { ...NOTHING, kind: 'refused', status: 502, code: 'upstream_error', attempts: [{ ...tried, status: 500, meaning: 'provider-down', used: 'wasted' }] }
}

function callOf(index: number, demand: Demand, { market, ...ended }: Ended): CallRecord {
  const { at, api, operation, consumer, requested } = demand
  const candidates = market.sellers.filter((seller) => seller.api === api).map(({ name }) => name)
  return {
    v: 2,
    id: `request-${index}`,
    at: at as EpochMs,
    generation: 1,
    config: HEX,
    api,
    operation,
    consumer,
    requested,
    candidates,
    ...ended,
    tookMs: TOOK_MS,
  }
}

function chargesOf(index: number, { demand }: Traded, result: Extract<Traded['result'], { kind: 'sold' | 'own' }>, market: Market): readonly JournalRecord[] {
  const { at, api, operation, consumer } = demand
  const { seller, units, price, platform, kind } = result
  const id = receiptOf(index)
  const by: ChargeFields['by'] = kind === 'own' ? 'owner' : isX402(demand) ? 'x402' : 'credits'
  const isNamed = index % NAMED_EVERY === 0
  const attempts: CallRecord['attempts'] = [{ connection: seller.name, units: units as Units, status: 200, meaning: 'ok', used: kind, tookMs: TOOK_MS }]
  const charge = {
    ...{
      id,
      at: at + TOOK_MS,
      connection: seller.name,
      owner: seller.owner,
      period: startOf(seller, at),
      units,
      price: `${price}`,
      platform: `${platform}`,
      by,
    },
    ...{ account: consumer, api, operation, subject: { requestDigest: HEX, answerDigest: HEX }, once: [] },
    names: isNamed ? [{ name: `k:${consumer}:${index}`, digest: HEX, until: at + DAY_MS }] : [],
    ...(isNamed ? { answer: { status: 200, headers: [], body: '{"call":{"v":2,"at":1}}', encoding: 'utf8' as const } } : {}),
  } as const
  const outcome = { kind: kind === 'own' ? 'free' : 'charged', status: 200, code: undefined, receipt: id, units, price: `${price}`, attempts } as const
  const call = callOf(index, demand, { market, ...outcome })
  // As it is written, and as it was before nothing was said twice.
  const fields: ChargeFields = { ...charge, call: index % 3 === 0 ? call : shortCall(charge, call) }
  const reversed = {
    id: `refund-${id}`,
    receipt: id,
    connection: seller.name,
    owner: seller.owner,
    account: consumer,
    price: `${price}`,
    platform: `${platform}`,
  }
  const refund: readonly JournalRecord[] = demand.refunded ? [{ t: 'refund', ...reversed, at: chargedAt(demand) as EpochMs }] : []
  if (by !== 'x402') return [{ t: 'charge', ...fields }, ...refund]
  const settled: JournalRecord = { t: 'settled', id, transaction: `0x${HEX}`, headers: {}, at: chargedAt(demand) }
  return [{ t: 'intent', ...fields, payment: paymentOf(demand, `${price}`, index) }, settled, ...refund]
}

const paymentOf = ({ consumer, at }: Demand, amount: string, index: number): Extract<JournalRecord, { t: 'intent' }>['payment'] => ({
  ...{ x402Version: 2, digest: HEX, network: 'eip155:84532', asset: '0xa', payer: consumer.slice('wallet:'.length), nonce: `0x${index}`, amount },
  ...{ validAfterMs: 0 as EpochMs, validBeforeMs: (at + DAY_MS) as EpochMs, upfront: false, payload: {}, requirements: {} },
})
