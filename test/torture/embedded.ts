/** One embedded gateway, killed again and again under load; at some of the kills the disk also loses what was not yet synced. */
import { UNBUNDLED } from '../rig/atlas.ts'
import { randomFrom } from '../rig/random.ts'
import { type Teardown, temporaryFolder } from '../rig/gateway.ts'
import { answersOf, figuresOf, replaysOf, statementsOf } from './checks.ts'
import { losePower, watchedBy } from './power.ts'
import { openWorld } from './world.ts'

export interface Tortured {
  readonly kills: number
  readonly calls: number
  readonly answered: number
  /** Kills at which bytes that had not been synced were lost, too. */
  readonly powerCuts: number
  readonly counts: string
  /** Differences, in words; none where all promises held. */
  readonly wrong: readonly string[]
}

const AGAIN = 50

export interface TortureWish {
  readonly kills: number
  /** On the clock of `performance.now`: after this no round begins. */
  readonly untilMs?: number
  readonly seed: number
  /** A module that the gateways load first: the control breaks a promise on purpose. */
  readonly preload?: string
  readonly say?: (text: string) => void
}

export async function tortureEmbedded(
  t: Teardown,
  { kills, untilMs = Number.POSITIVE_INFINITY, seed, preload, say = () => undefined }: TortureWish,
): Promise<Tortured> {
  const random = randomFrom(seed)
  const power = temporaryFolder(t)
  const world = await openWorld(t, { random, env: watchedBy(power, preload), ...(preload === undefined ? {} : { command: UNBUNDLED }) })
  const { crowd } = world
  const wrong: string[] = []
  const note = (round: number, found: readonly string[]): void => void wrong.push(...found.map((text) => `kill ${round}: ${text}`))
  let powerCuts = 0
  let done = 0
  for (let round = 1; round <= kills && performance.now() < untilMs && wrong.length < 20; round += 1) {
    done = round
    let killed = false
    const spending = crowd.spend([world.gateways[0]?.publicUrl as string], () => killed)
    await crowd.reached(crowd.answered + 20 + Math.floor(random() * 500))
    killed = true
    await world.kill(0)
    if (losePower(power, random)) powerCuts += 1
    await spending
    await world.start(0)
    const gateway = world.gateways[0]
    if (gateway === undefined) throw new Error('there is no gateway')
    // A busy machine may be told to come again; what stays unanswered is not.
    for (let turn = 0; turn < AGAIN && world.open().length > 0; turn += 1) await crowd.again(gateway.publicUrl, world.open())
    note(
      round,
      world.open().map(({ number }) => `named call ${number} has no answer`),
    )
    note(round, await replaysOf(world, gateway))
    note(round, await figuresOf(world, gateway))
    if (round % 10 === 0) say(`${round} kills, ${crowd.calls.length} calls, ${wrong.length} differences`)
  }
  const stopped = await world.gateways[0]?.stop()
  if (stopped !== 0) wrong.push(`the last stop ended with ${stopped}`)
  const { wrong: strange, counts } = answersOf(world)
  wrong.push(...strange.map((what) => `a client saw ${what}`), ...(await statementsOf(world)))
  return { kills: done, powerCuts, calls: crowd.calls.length, answered: crowd.answered, counts, wrong }
}
