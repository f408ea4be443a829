/** `npm run torture`: the long runs, whose figures stand in docs/CONSISTENCY.md. `-- --kills 20 --seed 7 --driver redis|x402` */
import { parseArgs } from 'node:util'
import { tortureEmbedded } from './embedded.ts'
import { tortureRedis } from './redis.ts'
import { torturePaid } from './x402.ts'

const { values } = parseArgs({
  options: {
    driver: { type: 'string', default: 'embedded' },
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    control: { type: 'boolean', default: false },
  },
})
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const work: (() => unknown)[] = []
const teardown = { teardown: (one: () => unknown) => work.unshift(one) }
const wish = { kills: Number(values.kills), seed: Number(values.seed), say, ...(values.control ? { preload: './early.js' } : {}) }

say(`driver ${values.driver}, ${values.kills} kills, seed ${values.seed}${values.control ? ', control' : ''}`)
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
