/**
 * `npm run torture`: the long runs, whose figures stand in docs/CONSISTENCY.md. `-- --kills 20 --minutes 30 --seed 7 --driver redis|x402`:
 * until so many kills or so many minutes are over, whichever comes first; with minutes alone as many kills as fit.
 */
import { parseArgs } from 'node:util'
import { tortureEmbedded } from './embedded.ts'
import { tortureRedis } from './redis.ts'
import { torturePaid } from './x402.ts'

const { values } = parseArgs({
  options: {
    driver: { type: 'string', default: 'embedded' },
    kills: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    control: { type: 'boolean', default: false },
  },
})
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const work: (() => unknown)[] = []
const teardown = { teardown: (one: () => unknown) => work.unshift(one) }
const { minutes } = values
const kills = values.kills === undefined ? (minutes === undefined ? 200 : Number.POSITIVE_INFINITY) : Number(values.kills)
const untilMs = minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + Number(minutes) * 60_000
const wish = { kills, untilMs, seed: Number(values.seed), say, ...(values.control ? { preload: './early.js' } : {}) }

const length = [...(Number.isFinite(kills) ? [`${kills} kills`] : []), ...(minutes === undefined ? [] : [`${minutes} minutes`])].join(', at most ')
say(`driver ${values.driver}, ${length}, seed ${values.seed}${values.control ? ', control' : ''}`)
try {
  const tortures = { redis: tortureRedis, embedded: tortureEmbedded, x402: torturePaid }
  const torture = tortures[values.driver as keyof typeof tortures] ?? tortureEmbedded
  const { wrong, ...figures } = await torture(teardown, wish)
  say(JSON.stringify(figures, null, 2))
  for (const text of wrong) say(text)
  say(`${wrong.length} differences`)
  process.exitCode = wrong.length === 0 ? 0 : 1
} finally {
  for (const one of work) await one()
}
