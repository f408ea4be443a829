/** `npm run mutate -- --room engine --count 40 --seed 7`: how many small changes of a room its tests notice. `--ids a,b` tries these again, `--file` and `--test` narrow it. */

import { parseArgs } from 'node:util'
import { rooms } from './rooms.ts'
import { type Fate, shown, tryMutants } from './trial.ts'

const { values } = parseArgs({
  options: {
    room: { type: 'string', default: 'engine' },
    count: { type: 'string', default: '40' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    from: { type: 'string', default: '0' },
    ids: { type: 'string' },
    file: { type: 'string' },
    test: { type: 'string' },
  },
})
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const room = rooms[values.room]
if (room === undefined) throw new Error(`no room ${values.room}; there are ${Object.keys(rooms).join(', ')}`)

const { file, test, ids } = values
const narrow = { ...(file === undefined ? {} : { file }), ...(test === undefined ? {} : { test }), ...(ids === undefined ? {} : { ids: ids.split(',') }) }
say(`room ${values.room}, ${values.count} mutants, seed ${values.seed}`)
const tried = await tryMutants({ room, count: Number(values.count), seed: Number(values.seed), from: Number(values.from), ...narrow, say })
const of = (fate: Fate): typeof tried => tried.filter((one) => one.fate === fate)
for (const fate of ['equivalent', 'survived'] as const) {
  if (of(fate).length > 0) say(`\n${fate}:`)
  for (const one of of(fate)) say(`    ${shown(one)}`)
}
const killed = of('killed').length + of('killed by time').length
const able = tried.length - of('equivalent').length
say(
  '\n| room | tried | killed by tests | killed by time | equivalent | survived | killed of those that could be |\n| --- | --- | --- | --- | --- | --- | --- |',
)
const share = able === 0 ? 'none' : `${Math.floor((1_000 * killed) / able) / 10} %`
say(
  `| ${values.room} | ${tried.length} | ${of('killed').length} | ${of('killed by time').length} | ${of('equivalent').length} | ${of('survived').length} | ${share} |`,
)
process.exitCode = of('survived').length === 0 ? 0 : 1
