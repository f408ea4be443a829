/** `npm run soak`: half an hour of everything at once, whose figures stand in docs/CONSISTENCY.md. `-- --minutes 30 --driver embedded|redis --seed N --rate N --json FILE`; `--break release` is the control. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { Break } from './broken.ts'
import type { Driver } from './grounds.ts'
import { soak } from './soak.ts'
import { tableOf } from './verdict.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    driver: { type: 'string', default: 'embedded' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    rate: { type: 'string', default: '80' },
    beat: { type: 'string', default: '5000' },
    json: { type: 'string' },
    break: { type: 'string' },
  },
})
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const work: (() => unknown)[] = []
const teardown = { teardown: (one: () => unknown) => work.unshift(one) }

if (!['embedded', 'redis'].includes(values.driver)) throw new Error(`--driver ${values.driver} is none; expected embedded or redis`)
say(`driver ${values.driver}, ${values.minutes} minutes, ${values.rate} calls a second, seed ${values.seed}`)
try {
  const [ms, rate, seed, beatMs] = [Number(values.minutes) * 60_000, Number(values.rate), Number(values.seed), Number(values.beat)]
  const control = values.break === undefined ? {} : { breaks: values.break as Break }
  const verdict = await soak(teardown, { driver: values.driver as Driver, ms, rate, seed, beatMs, say, ...control })
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(verdict, null, 2)}\n`)
  say(tableOf(verdict))
  process.exitCode = verdict.wrong.length === 0 ? 0 : 1
} finally {
  for (const one of work) await one()
}
