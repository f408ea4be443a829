/** `workers: N` take a changed configuration together, or none of them does. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { atlas, type Ran } from '../rig/atlas.ts'
import { bearer, until } from '../rig/gateway.ts'
import { startRedis } from '../rig/redis.ts'
import { startWorkers, workersConfig, type WorkersRig } from '../rig/workers.ts'

const redis = await startRedis(t)

interface World {
  readonly rig: WorkersRig
  /** Worker -> price of a call there. */
  prices(): Promise<ReadonlyMap<string, unknown>>
  reload(change: object): Promise<Ran>
}

async function open(t: Test, name: string, more: object = {}, before: (folder: string) => Promise<unknown> = async () => undefined): Promise<World> {
  const rig = await startWorkers(t, { redis, name, more, before })
  const { key } = await rig.key({ credits: '$1000' })
  await until('every worker knows the key', async () => {
    const answers = await Promise.all([1, 2, 3, 4].map(() => rig.call('/credits', bearer(key))))
    return answers.every(({ status }) => status === 200)
  })
  return {
    rig,
    prices: async () => {
      const found = new Map<string, unknown>()
      await until(
        'both have answered',
        async () => {
          const answer = await rig.call('/acme/search', bearer(key))
          if (answer.status === 200) found.set(answer.by, answer.headers['x-atlas-price'])
          return found.size === 2
        },
        20_000,
      )
      return found
    },
    reload: (change) => {
      writeFileSync(rig.file, JSON.stringify(workersConfig(rig.provider.url, { redis, name, more, ...change }), null, 2))
      return atlas(['reload', '--config', rig.file], { env: { ...rig.env, PORT: '0' } })
    },
  }
}

t.test('all workers take it, and one that dies comes back with it', { timeout: 120_000 }, async (t) => {
  const { rig, prices, reload } = await open(t, 'reload-all')
  t.strictSame([...(await prices()).values()], ['$0.15', '$0.15'])
  t.match(await reload({ connection: { markup: '4x' } }), { status: 0, stdout: /^taken as generation \d+/ })
  await until('both have it', async () => [...(await prices()).values()].every((price) => price === '$0.20'))
  const [first] = await rig.workers()
  process.kill(first?.pid as number, 'SIGKILL')
  await until('another one has its place', async () => (await rig.workers()).every(({ serves, pid }) => serves && pid !== first?.pid), 20_000)
  t.strictSame([...(await prices()).values()], ['$0.20', '$0.20'])
  t.match(await reload({ connection: { markup: '0x' } }), { status: 1 })
  t.match(await reload({ count: 3 }), { status: 1, stderr: /workers needs a restart/ })
  t.strictSame([...(await prices()).values()], ['$0.20', '$0.20'])
})

/** Fails where it is the second worker that has it made, once it is told to. */
const PICKY = `import cluster from 'node:cluster'
export default {
  name: 'picky', describe: 'Fails in one worker', settings: { fails: { type: 'boolean', default: false, describe: 'Whether it does' } },
  create: ({ fails }) => {
    if (fails && cluster.worker?.id === 2) throw new Error('the second worker does not take this')
    return {}
  },
}`

t.test('where one worker refuses, nobody takes it, and what it said is told', { timeout: 120_000 }, async (t) => {
  const more = (fails: boolean): object => ({
    plugin_dirs: ['./mine'],
    plugins: [
      'auth',
      'abuse-detect',
      { 'rate-limit': { per_consumer: '1000000/second', burst: 1_000_000 } },
      'markup-billing',
      { picky: { fails } },
      'quota-reserve',
    ],
  })
  const { rig, prices, reload } = await open(t, 'reload-none', more(false), async (folder) => {
    mkdirSync(join(folder, 'mine'))
    writeFileSync(join(folder, 'mine/picky.mjs'), PICKY)
  })
  const refused = await reload({ connection: { markup: '4x' }, more: more(true) })
  t.match(refused, { status: 1, stderr: /gateway\.config\.yml:1:1: the second worker does not take this/ })
  t.strictSame([...(await prices()).values()], ['$0.15', '$0.15'])
  t.match(rig.stderr(), /was refused; the one before keeps serving/)
  t.match(await reload({ connection: { markup: '4x' }, more: more(false) }), { status: 0 })
  await until('both have it', async () => [...(await prices()).values()].every((price) => price === '$0.20'))
})
