/** The embedded store for a test: in a temp folder, with a scripted clock, and the claims and charges that a call would bring. */

import { cpSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Alternative,
  type Charge,
  type Connection,
  type EpochMs,
  type NameClaim,
  type OnceClaim,
  type Payer,
  type Payment,
  type RateClaim,
  type Reserved,
  type ShareClaim,
  type SlotClaim,
  type SpendClaim,
  type StoreClaim,
  type StoredAnswer,
  type SupplyClaim,
  units,
  type Usd,
  usd,
} from '#contract'
import { type Group, type JournalRecord, type EmbeddedOptions, type Opened, openEmbedded } from '../../gateway/stores/index.ts'
import { connectionOf } from './acme.ts'
import { type Teardown, memoryFolder } from './folder.ts'
import { ScriptedClock } from './scripted.ts'
import { allFrames } from './segments.ts'

export interface StoreWish {
  readonly connections?: readonly Connection[]
  readonly clock?: ScriptedClock
  readonly folder?: string
  readonly mode?: 'sandbox' | 'live'
  readonly replayBytes?: number
  readonly onGroup?: (group: Group) => void
  readonly more?: Partial<Pick<EmbeddedOptions, 'fedUpTo' | 'segmentBytes' | 'archiveFolder' | 'archiveAfterMs' | 'coveredByBooks'>>
}

export interface StoreRig extends Opened {
  readonly folder: string
  readonly clock: ScriptedClock
  /** What became durable, those of earlier processes included. */
  readonly records: readonly JournalRecord[]
  /** A stop and a start. */
  reopen(more?: StoreWish): Promise<StoreRig>
  /** As if the process had died right now and another had started: only what is on disk goes along. */
  crash(more?: StoreWish): StoreRig
}

/** Closed with the test, at the latest. */
export function openStore(t: Teardown, wish: StoreWish = {}): StoreRig {
  const { connections = [connectionOf('acme')], clock = new ScriptedClock(), mode = 'sandbox', replayBytes = 2 ** 20, more = {} } = wish
  const folder = wish.folder ?? join(memoryFolder(t), 'data')
  const records: JournalRecord[] = []
  const onGroup = (group: Group): void => {
    records.push(...recordsIn(group.bytes.toString()))
    wish.onGroup?.(group)
  }
  const opened = openEmbedded({ folder, mode, name: 'test', replayBytes, clock, onGroup, ...more })
  opened.admin.configure(connections)
  let closed: Promise<void> | undefined
  const close = (): Promise<void> => {
    closed ??= opened.store.close()
    return closed
  }
  t.teardown(close)
  return {
    ...{ ...opened, folder, clock, records },
    reopen: async (other = {}) => {
      await close()
      return openStore(t, { connections, clock, mode, replayBytes, folder, more, ...other })
    },
    crash: (other = {}) => {
      const next = join(memoryFolder(t), 'data')
      cpSync(join(folder, 'journal'), join(next, 'journal'), { recursive: true })
      return openStore(t, { connections, clock, mode, replayBytes, folder: next, more, ...other })
    },
  }
}

const recordsIn = (text: string): JournalRecord[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as JournalRecord)

/** What stands on disk now. */
export const recordsOf = ({ folder }: Pick<StoreRig, 'folder'>): readonly JournalRecord[] =>
  allFrames(join(folder, 'journal')).flatMap(({ text }) => recordsIn(text))

// ------------------------------------------------------------------ who pays

const nobodyInParticular = 'key:k'
export const credits = (account = nobodyInParticular): Payer => ({ by: 'credits', account })
export const ownerOf = (owner = 'alice'): Payer => ({ by: 'owner', owner })

export const paymentOf = (amount: string, more: Partial<Payment> = {}): Payment => ({
  x402Version: 2,
  digest: 'digest-of-the-header',
  network: 'eip155:84532',
  asset: '0xa',
  payer: '0xb',
  nonce: '0x1',
  validAfterMs: 0 as EpochMs,
  upfront: false,
  amount: usd(amount),
  validBeforeMs: Date.UTC(2026, 10, 23, 13) as EpochMs,
  payload: { some: 'payload' },
  requirements: { some: 'offer' },
  ...more,
})
export const x402 = (amount: string, more: Partial<Payment> = {}): Payer => ({ by: 'x402', payment: paymentOf(amount, more) })

/** A key with money; its account is `key:<id>`. */
export async function fund({ admin }: Pick<StoreRig, 'admin'>, amount: string, id = 'k', more: { capPerDay?: Usd; capPerMonth?: Usd } = {}): Promise<void> {
  await admin.createKey({ id, hash: `hash of ${id}`, role: 'consumer', credits: usd(amount), ...more })
}

// ------------------------------------------------------------------ claims

/** Serves at the connection's own price. The platform gets a tenth. */
export function alternative({ name, owner, unitPrice }: Connection, count = 1): Alternative {
  return {
    ...{ connection: name, owner, units: units(count), unitPrice },
    price: (unitPrice * BigInt(count)) as Usd,
    platformShare: (charged) => (charged / 10n) as Usd,
  }
}

/** Cheapest first, as prices come. */
export function supply(payer: Payer, connections: readonly Connection[] = [connectionOf('acme')], count = 1, maxPrice?: string): SupplyClaim {
  const alternatives = connections.map((connection) => alternative(connection, count)).sort((a, b) => (a.price < b.price ? -1 : a.price > b.price ? 1 : 0))
  return { kind: 'supply', alternatives, payer, maxPrice: maxPrice === undefined ? undefined : usd(maxPrice) }
}

export const rate = (key: string, burst: number, more: Partial<RateClaim> = {}): RateClaim => ({
  ...{ kind: 'rate', key, of: 'consumer', rate: { count: 60, windowSeconds: 60, everyNs: 1e9 }, burst, refusal: 'rate_limited' },
  ...more,
})
export const named = (name: string, digest = 'd', more: Partial<NameClaim> = {}): NameClaim => ({
  ...{ kind: 'name', name, of: 'consumer', digest, untilMs: Date.UTC(2026, 10, 24, 12) as EpochMs, durable: false },
  ...more,
})
export const once = (key: string, more: Partial<OnceClaim> = {}): OnceClaim => ({ kind: 'once', key, untilMs: Date.UTC(2026, 10, 23, 14) as EpochMs, ...more })
export const slot = (key: string, limit: number): SlotClaim => ({ kind: 'slot', key, of: 'consumer', limit })
export const spend = (key: string, limit: string, per: 'day' | 'month' = 'day'): SpendClaim => ({
  kind: 'spend',
  key,
  of: 'consumer',
  limit: usd(limit),
  per,
})
/** Of 30 % in an hour, unless said otherwise. */
export const share = (key: string, connections: readonly Connection[] = [connectionOf('acme')], more: Partial<ShareClaim> = {}): ShareClaim => ({
  ...{ kind: 'share', key, of: 'consumer', pool: 'acme', connections: connections.map(({ name }) => name), millionths: 300_000, windowMs: 3_600_000 },
  ...more,
})

export const reserve = async ({ store }: Pick<StoreRig, 'store'>, id: string, ...claims: readonly StoreClaim[]): Promise<Reserved> =>
  store.reserve({ id, claims })

/** @throws Error where it is refused */
export async function hold(rig: Pick<StoreRig, 'store'>, id: string, ...claims: readonly StoreClaim[]): Promise<Alternative> {
  const reserved = await reserve(rig, id, ...claims)
  if (reserved.kind !== 'held') throw new Error(`${id} is ${JSON.stringify(reserved)}`)
  return reserved.chosen
}

// ------------------------------------------------------------------ charges

export const ANSWER: StoredAnswer = { status: 200, headers: ['content-type', 'application/json'], body: '{"ok":true}', encoding: 'utf8' }

/** Of a call that was served: of `chosen` so many units, at its unit price. */
export function charge(chosen: Alternative, count: number = chosen.units, more: Partial<Charge> & { consumer?: string } = {}): Charge {
  const { consumer = nobodyInParticular, ...rest } = more
  const price = (rest.price ?? (chosen.unitPrice ?? 0n) * BigInt(count)) as Usd
  return {
    ...{ units: units(count), price, platformShare: (price / 10n) as Usd },
    ...{ operation: 'search', api: 'acme', subject: { requestDigest: 'asked', answerDigest: 'answered' }, answer: undefined },
    call: callOf(consumer),
    ...rest,
  }
}

const callOf = (consumer: string): Charge['call'] => ({
  ...{ v: 2, id: 'request', at: 0 as EpochMs, generation: 1, config: 'c', api: 'acme', operation: 'search', consumer, kind: 'charged', status: 200 },
  ...{ requested: 1, candidates: ['acme'], units: 1, price: '0', attempts: [], tookMs: 1 },
})

/** Lets everything run that can run without the disk or the clock. */
export const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** Has it come to an end by now? */
export async function isPending(work: Promise<unknown>): Promise<boolean> {
  const pending = Symbol()
  await settled()
  return (await Promise.race([work, pending]).catch(() => undefined)) === pending
}
