/** Every file in plugins/ keeps the guarantees of the kit, and the kit complains about each way to break them. */
import { readdir } from 'node:fs/promises'
import t from 'tap'
import { definePlugin, type Plugin, refuse } from '#contract'
import { guarantees, sampleOf } from '../../gateway/kit/plugin-guarantees.ts'

const folder = new URL('../../plugins/', import.meta.url)

async function everyPlugin(): Promise<ReadonlyMap<string, Plugin>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.js')).sort()
  const loaded = files.map(async (file) => [file.slice(0, -3), (await import(new URL(file, folder).href)).default as Plugin] as const)
  return new Map(await Promise.all(loaded))
}

const all = await everyPlugin()

t.ok(all.size >= 6, `${[...all.keys()]}`)

for (const [file, plugin] of all) {
  t.test(`plugins/${file}`, async (t) => {
    for (const { name, complaints } of guarantees) t.strictSame(await complaints(plugin, file, { all }), [], name)
  })
}

// ------------------------------------------------------------------ the kit itself

const good: Plugin = definePlugin({
  name: 'good',
  describe: 'Does nothing wrong',
  needs: ['consumer'],
  gives: { mood: ['consumer'] },
  settings: {
    pace: { type: 'rate', describe: 'How fast' },
    kind: { type: 'choice', of: ['a', 'b'], default: 'b', describe: 'Which' },
    place: { type: 'group', describe: 'Where', of: { address: { type: 'address', describe: 'Its address' } } },
  },
  create: ({ pace }) => ({
    facts: { mood: () => 'good' },
    admit: ({ consumer }) => [{ kind: 'rate', key: `mood ${consumer.id}`, of: 'consumer', rate: pace, burst: 100, refusal: 'rate_limited' }],
    close: () => undefined,
  }),
})

const hooks = (change: object): Partial<Plugin> => ({ create: (settings, ports) => ({ ...good.create(settings as never, ports), ...change }) })
let asked = 0

const broken: readonly [Partial<Plugin>, expected: RegExp][] = [
  [{ name: 'other' }, /other stands in good/],
  [{ describe: ' ' }, /it is not described/],
  [{ settings: { ...good.settings, pace: { type: 'rate', describe: '' } } }, /setting pace is not described/],
  [
    { settings: { ...good.settings, group: { type: 'group', describe: 'x', of: { one: { type: 'string', describe: '', default: 'x' } } } } },
    /setting group\.one is not/,
  ],
  [{ settings: { ...good.settings, perConsumer: { type: 'boolean', default: true, describe: 'x' } } }, /perConsumer is not written like_this/],
  [{ settings: { ...good.settings, kind: { type: 'choice', of: ['a'], default: 'c', describe: 'x' } } }, /the default of kind/],
  [{ settings: { ...good.settings, count: { type: 'integer', minimum: 5, default: 2, describe: 'x' } } }, /the default of count/],
  [{ settings: { ...good.settings, wait: { type: 'duration', default: '5', describe: 'x' } } }, /the default of wait/],
  [
    {
      create: () => {
        throw new Error('no library')
      },
    },
    /with sample settings: no library/,
  ],
  [
    hooks({
      close: () => {
        throw new Error('closed already')
      },
    }),
    /closed already/,
  ],
  [hooks({ observed: () => undefined }), /observed is no hook/],
  [hooks({ facts: {} }), /says that it gives mood, and does not/],
  [hooks({ facts: { mood: () => 1, weather: () => 2 } }), /it gives weather, and does not say so/],
  [{ needs: ['sunshine'] }, /needs sunshine, which no plugin gives/],
  [{ gives: { mood: ['sunshine'] } }, /needs sunshine/],
  [hooks({ facts: { mood: () => Promise.resolve(1) } }), /promises mood/],
  [hooks({ admit: () => Promise.resolve() }), /admit promises/],
  [hooks({ admit: () => ({ kind: 'rate' }) }), /neither a refusal nor claims/],
  [
    hooks({
      admit: () => {
        asked += 1
        return asked > 1 ? refuse('blocked', 'x') : []
      },
    }),
    /asked again|answered 403|after a refused call/,
  ],
  [
    hooks({
      observe: () => {
        throw new Error('nothing was charged')
      },
    }),
    /a call that ended as charged: nothing was charged/,
  ],
  [hooks({ observe: () => Promise.resolve() }), /observe promises/],
]

async function complaintsOf(plugin: Plugin): Promise<string> {
  const world = { all: new Map([...all, ['good', plugin]]) }
  const asking = guarantees.map(async ({ complaints }) => complaints(plugin, 'good', world))
  const found = await Promise.allSettled(asking)
  return found.flatMap((one) => (one.status === 'fulfilled' ? one.value : [String(one.reason)])).join('\n')
}

t.test('a plugin that keeps to everything is complained about by no guarantee', async (t) => {
  t.equal(await complaintsOf(good), '')
  t.equal(sampleOf(good.settings), `pace: 60/minute\nplace: {address: "0x${'11'.repeat(20)}"}`)
})

t.test('each way to break a guarantee is complained about', async (t) => {
  for (const [change, expected] of broken) t.match(await complaintsOf({ ...good, ...change }), expected)
})
