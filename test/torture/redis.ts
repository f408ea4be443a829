/** Two gateways on one Redis and one PostgreSQL; a gateway, both, Redis or PostgreSQL is killed again and again under load. */
import { randomBytes } from 'node:crypto'
import type { Teardown } from '../rig/gateway.ts'
import { openPostgres } from '../rig/postgres.ts'
import { randomFrom } from '../rig/random.ts'
import { startRedis, STRICT } from '../rig/redis.ts'
import { answersOf, figuresOf, replaysOf, statementsOf } from './checks.ts'
import type { Tortured, TortureWish } from './embedded.ts'
import { openWorld, type World } from './world.ts'

const GATEWAYS = 2
const VICTIMS = ['a gateway', 'a gateway', 'both gateways', 'redis', 'postgres', 'everything'] as const
const READY_WITHIN_MS = 20_000

export async function tortureRedis(t: Teardown, { kills, untilMs = Number.POSITIVE_INFINITY, seed, say = () => undefined }: TortureWish): Promise<Tortured> {
  const random = randomFrom(seed)
  const redis = await startRedis(t, STRICT)
  const postgres = await openPostgres(t)
  const name = `torture-${randomBytes(4).toString('hex')}`
  const ground = { store: { driver: 'redis', url: redis.url, name }, ledger: { driver: 'postgres', url: postgres.url } }
  const world = await openWorld(t, { random, gateways: GATEWAYS, ground })
  const { crowd } = world
  const wrong: string[] = []
  const kill = async (victim: (typeof VICTIMS)[number]): Promise<void> => {
    const gateways = victim === 'a gateway' ? [Math.floor(random() * GATEWAYS)] : victim === 'redis' || victim === 'postgres' ? [] : [0, 1]
    await Promise.all(gateways.map((index) => world.kill(index)))
    if (victim === 'redis' || victim === 'everything') {
      await redis.kill()
      await redis.start()
    }
    if (victim === 'postgres' || victim === 'everything') {
      await postgres.kill()
      await postgres.start()
    }
    for (const index of gateways) await world.start(index)
  }
  let done = 0
  for (let round = 1; round <= kills && performance.now() < untilMs && wrong.length < 20; round += 1) {
    done = round
    const victim = VICTIMS[Math.floor(random() * VICTIMS.length)] as (typeof VICTIMS)[number]
    let stopped = false
    const spending = crowd.spend(
      world.gateways.map(({ publicUrl }) => publicUrl),
      () => stopped,
    )
    await crowd.reached(crowd.answered + 20 + Math.floor(random() * 300))
    await kill(victim)
    stopped = true
    await spending
    await ready(world)
    const found = await settledFigures(world)
    if (round % 10 === 0) say(`${round} kills, ${crowd.calls.length} calls, ${wrong.length} differences`)
    wrong.push(...found.map((text) => `kill ${round} (${victim}): ${text}`))
  }
  for (const { stop } of world.gateways) wrong.push(...((await stop()) === 0 ? [] : ['a stop did not end with 0']))
  const { wrong: strange, counts } = answersOf(world)
  wrong.push(...strange.map((what) => `a client saw ${what}`), ...(await statementsOf(world)))
  return { kills: done, powerCuts: 0, calls: crowd.calls.length, answered: crowd.answered, counts, wrong }
}

async function ready({ gateways }: World): Promise<void> {
  const untilMs = performance.now() + READY_WITHIN_MS
  for (const { adminUrl } of gateways) {
    while ((await fetch(`${adminUrl}/readyz`).catch(() => undefined))?.status !== 200) {
      if (performance.now() > untilMs) throw new Error(`${adminUrl} is not ready ${READY_WITHIN_MS} ms after the kill`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** Named calls have their answers, replays are what they were, and the figures agree: at once, or once the dead are swept. */
async function settledFigures(world: World): Promise<string[]> {
  const [first] = world.gateways
  if (first === undefined) throw new Error('there is no gateway')
  const untilMs = performance.now() + READY_WITHIN_MS
  for (;;) {
    await world.crowd.again(first.publicUrl, world.open())
    const open = world.open().map(({ number, code }) => `named call ${number} has no answer (${code})`)
    const found = open.length > 0 ? open : [...(await replaysOf(world, first)), ...(await figuresOf(world, first))]
    if (found.length === 0 || performance.now() > untilMs) return found
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}
