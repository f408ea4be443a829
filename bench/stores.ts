/** `node dist/bench/stores.js`: reserve and commit, 64 callers at once, on each driver. A pair is one sold call as the store sees it, with a pace and a slot. */

import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store, StoreAdmin } from '#contract'
import { openEmbedded } from '../gateway/stores/index.ts'
import { openRedis } from '../gateway/stores/redis/index.ts'
import { systemClock } from '../gateway/ground/index.ts'
import { connectionOf } from '../test/rig/acme.ts'
import { startRedis, type RedisSettings } from '../test/rig/redis.ts'
import { charge, credits, rate, slot, supply } from '../test/rig/store.ts'

const CALLERS = 64
const SECONDS = 4
const WARM_SECONDS = 1
const ROUNDS = 3
const work: (() => unknown)[] = []
const t = { teardown: (one: () => unknown) => work.unshift(one) }
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }
const acme = connectionOf('acme', { quota: 1_000_000_000 as never, reserved: 0 as never, unitPrice: 3n as never })

interface Driver {
  readonly name: string
  readonly store: Store
  readonly admin: StoreAdmin
  /** CPU of another process that works for this store, in µs. */
  readonly elsewhere: () => number
}

const TICK_MICROS = 10_000
const cpuOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS
}

async function embedded(): Promise<Driver> {
  const folder = mkdtempSync(join(tmpdir(), 'atlas-bench-'))
  const { store, admin } = openEmbedded({ folder, mode: 'sandbox', name: 'bench', replayBytes: 2 ** 20, clock: systemClock, onGroup: () => undefined })
  t.teardown(async () => {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { name: 'embedded', store, admin, elsewhere: () => 0 }
}

async function redis(name: string, settings: RedisSettings): Promise<Driver> {
  const server = await startRedis(t, settings)
  const options = { url: server.url, name: `bench-${randomBytes(4).toString('hex')}`, mode: 'sandbox', durability: 'relaxed', ledger: 'bench' } as const
  const { store, admin } = await openRedis({ ...options, replayBytes: 2 ** 20, clock: systemClock, log: quiet })
  t.teardown(() => store.close())
  return { name, store, admin, elsewhere: () => cpuOf(server.pid()) }
}

interface Round {
  readonly pairs: number
  readonly p50: number
  readonly p99: number
  readonly micros: number
  readonly elsewhere: number
}

let calls = 0

async function run({ store, elsewhere }: Driver, seconds: number): Promise<Round> {
  const took: number[] = []
  const [from, cpu, other] = [performance.now(), process.cpuUsage(), elsewhere()]
  const until = from + seconds * 1000
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      calls += 1
      const id = `c${calls}`
      const at = performance.now()
      const reserved = await store.reserve({ id, claims: [rate('k', 1_000_000_000), slot('k', 1000), supply(credits(), [acme])], key: 'k' })
      if (reserved.kind !== 'held') throw new Error(JSON.stringify(reserved, (_, value) => (typeof value === 'bigint' ? String(value) : value)))
      await store.commit(id, charge(reserved.chosen))
      took.push(performance.now() - at)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  const elapsed = (performance.now() - from) / 1000
  const used = process.cpuUsage(cpu)
  took.sort((a, b) => a - b)
  const of = (share: number): number => took[Math.floor((took.length - 1) * share)] ?? 0
  const each = (micros: number): number => micros / took.length
  return { pairs: took.length / elapsed, p50: of(0.5), p99: of(0.99), micros: each(used.user + used.system), elsewhere: each(elsewhere() - other) }
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

try {
  const drivers = [
    await embedded(),
    await redis('redis, no AOF', {}),
    await redis('redis, AOF everysec', { appendfsync: 'everysec' }),
    await redis('redis, AOF always', { appendfsync: 'always' }),
  ]
  for (const { admin, store } of drivers) {
    admin.configure([acme])
    await admin.createKey({ id: 'k', hash: 'h', role: 'consumer', credits: 1_000_000_000_000n as never })
    void store
  }
  const rounds = new Map<string, Round[]>(drivers.map(({ name }) => [name, []]))
  for (const driver of drivers) await run(driver, WARM_SECONDS)
  for (let round = 0; round < ROUNDS; round += 1) for (const driver of drivers) rounds.get(driver.name)?.push(await run(driver, SECONDS))
  console.log(`${CALLERS} callers, ${ROUNDS} rounds of ${SECONDS} s interleaved, medians`)
  console.log('driver                pairs/s   p50 ms   p99 ms   µs here   µs Redis')
  for (const [name, list] of rounds) {
    const of = (pick: (round: Round) => number): number => median(list.map(pick))
    const cells = [
      of(({ pairs }) => pairs).toFixed(0),
      of(({ p50 }) => p50).toFixed(2),
      of(({ p99 }) => p99).toFixed(2),
      of(({ micros }) => micros).toFixed(0),
      of((one) => one.elsewhere).toFixed(0),
    ]
    console.log(`${name.padEnd(20)} ${cells.map((cell, index) => cell.padStart(index === 0 ? 8 : 9)).join('')}`)
  }
} finally {
  for (const one of work) await one()
}
