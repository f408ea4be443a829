/**
 * The contract kit of plugins: what holds for every plugin, whoever wrote it. A guarantee answers with its complaints; none is
 * good. What a plugin does is looked at in a real chain, on a real store.
 */
import { type Call, isRefusal, messageOf, type Outcome, type Plugin, refusals, type Setting, type Settings, type Units, type Usd } from '#contract'
import { type Ended, Stage, type StageOptions, settingsOf } from './stage.ts'

interface World {
  /** Every plugin that was found. */
  readonly all: ReadonlyMap<string, Plugin>
}

export interface Guarantee {
  readonly name: string
  /** @param file name of the plugin's file without its ending */
  complaints(plugin: Plugin, file: string, world: World): readonly string[] | Promise<readonly string[]>
}

const when = (wrong: boolean, complaint: string): readonly string[] => (wrong ? [complaint] : [])

// ------------------------------------------------------------------ settings

/** How a setting without a default may be written. */
const SAMPLES: Readonly<Record<Exclude<Setting['type'], 'choice' | 'group' | 'table'>, string>> = {
  ...{ string: '"text"', boolean: 'true', integer: '1', rate: '60/minute', duration: '30s', size: '1KiB', percent: '10%', money: '$0.15', factor: '3x' },
  ...{ strings: '[text]', address: `"0x${'11'.repeat(20)}"` },
}

const isMissing = ({ default: value, optional }: Setting): boolean => value === undefined && optional !== true

/** YAML with every setting that has to be written. */
export function sampleOf(settings: Settings): string {
  const written = Object.entries(settings).filter(([, setting]) => isMissing(setting))
  const lines = written.map(([name, setting]) => {
    if (setting.type === 'group') return `${name}: {${sampleOf(setting.of).split('\n').join(', ')}}`
    if (setting.type === 'choice') return `${name}: ${setting.of[0]}`
    if (setting.type === 'table') return `${name}: ${setting.example}`
    return `${name}: ${setting.type === 'integer' ? Math.max(1, setting.minimum ?? 1) : SAMPLES[setting.type]}`
  })
  return lines.join('\n')
}

function documented(settings: Settings, within = ''): readonly string[] {
  return Object.entries(settings).flatMap(([name, setting]) => [
    ...when(setting.describe.trim() === '', `setting ${within}${name} is not described`),
    ...when(!/^[a-z][a-z0-9_]*$/.test(name), `setting ${within}${name} is not written like_this`),
    ...(setting.type === 'group' ? documented(setting.of, `${within}${name}.`) : []),
  ])
}

/** Each default through the same decoder as what an operator writes. */
function defaults(plugin: Plugin): readonly string[] {
  return Object.entries(plugin.settings).flatMap(([name, setting]) => {
    if (setting.default === undefined) return []
    try {
      settingsOf({ ...plugin, settings: { [name]: setting } })
      return []
    } catch (error) {
      return [messageOf(error)]
    }
  })
}

// ------------------------------------------------------------------ hooks

const HOOKS = [
  'facts',
  'prepare',
  'admit',
  'authorize',
  'answer',
  'answered',
  'settle',
  'recover',
  'observe',
  'observeRefused',
  'turnAway',
  'cors',
  'quotes',
  'close',
]

/** With sample settings, in a real place; whatever happens it ends. */
async function staged<T>(plugin: Plugin, use: (stage: Stage) => Promise<T>, options: StageOptions = {}): Promise<T> {
  const stage = await Stage.open(plugin, { settings: sampleOf(plugin.settings), ...options })
  try {
    return await use(stage)
  } finally {
    await stage.close()
  }
}

/** `pay_to of x402-payment`: what has to be written, as a complaint names it. */
const unwritten = (settings: Settings, of: string): string[] =>
  Object.entries(settings).flatMap(([name, setting]) => {
    if (setting.type === 'group') return setting.optional === true ? [] : unwritten(setting.of, name)
    return isMissing(setting) ? [`${name} of ${of}`] : []
  })

async function making(plugin: Plugin): Promise<readonly string[]> {
  const names = unwritten(plugin.settings, plugin.name)
  try {
    settingsOf(plugin)
    if (names.length > 0) return [`nothing is said of ${names}, which must be written`]
  } catch (error) {
    const unsaid = names.filter((name) => !messageOf(error).includes(`missing setting ${name}`))
    if (names.length === 0 || unsaid.length > 0) return [`with nothing written: ${messageOf(error)}; ${unsaid} is not named`]
  }
  try {
    return await staged(plugin, async ({ hooks }) => {
      for (let count = 0; count < 2; count += 1) await hooks.close?.()
      return Object.keys(hooks).flatMap((name) => when(!HOOKS.includes(name), `${name} is no hook; expected one of ${HOOKS.join(', ')}`))
    })
  } catch (error) {
    return [`with sample settings: ${messageOf(error)}`]
  }
}

const facts = (plugin: Plugin): Promise<readonly string[]> =>
  staged(plugin, async ({ hooks }) => {
    const [said, given] = [Object.keys(plugin.gives ?? {}), Object.keys(hooks.facts ?? {})]
    return [
      ...said.filter((fact) => !given.includes(fact)).map((fact) => `it says that it gives ${fact}, and does not`),
      ...given.filter((fact) => !said.includes(fact)).map((fact) => `it gives ${fact}, and does not say so`),
    ]
  })

function needs({ needs = [], gives = {} }: Plugin, _file: string, { all }: World): readonly string[] {
  const given = new Set([...all.values()].flatMap((plugin) => Object.keys(plugin.gives ?? {})))
  const wanted = [...needs, ...Object.values(gives).flat()].filter((need) => !need.endsWith('?'))
  return [...new Set(wanted)].filter((need) => !given.has(need)).map((need) => `it needs ${need}, which no plugin gives`)
}

// ------------------------------------------------------------------ calls

const asText = (value: unknown): string => JSON.stringify(value, (_, member) => (typeof member === 'bigint' ? `${member}n` : member))

/** Asked before the reservation, perhaps twice: so it answers at once, and the same again. */
const admitting = (plugin: Plugin): Promise<readonly string[]> =>
  staged(plugin, async (stage) => {
    const { hooks } = stage
    const { call, status } = await stage.call({ headers: await stage.key('k') })
    const ask = (): unknown => hooks.admit?.(call)
    const given = Object.entries(hooks.facts ?? {}).map(([name, give]) => [name, give?.(call)] as const)
    const [first, second] = [ask(), ask()]
    return [
      ...given.filter(([, value]) => value instanceof Promise).map(([name]) => `it promises ${name}; facts are there at once`),
      ...when(first instanceof Promise, 'admit promises an answer; it must be there at once'),
      ...when(first !== undefined && !isRefusal(first) && !Array.isArray(first), 'admit answers with neither a refusal nor claims'),
      ...when(status === 200 && isRefusal(first), `admit lets a call through, and asked again says ${asText(first)}`),
      ...when(asText(first) !== asText(second), `admit says ${asText(first)}, and asked again ${asText(second)}`),
    ]
  })

/** Everything that a call may take from the store. */
const standing = async ({ admin, store }: Stage, { call }: Ended): Promise<string> => {
  const { sold, own, wasted, left } = await admin.counters('acme')
  return asText([sold, own, wasted, left, await admin.balance('key:k'), (await store.named('k:key:k:name', call.digest)).state])
}

const refused = (plugin: Plugin): Promise<readonly string[]> =>
  staged(
    plugin,
    async (stage) => {
      const headers = { ...(await stage.key('k')), 'idempotency-key': 'name' }
      // Some turn away what comes without more: then that is how each of these calls ends.
      const { refusal } = await stage.ask({ headers })
      const [turned, good] = refusal === undefined ? [503, 200] : [refusals[refusal.code].status, refusals[refusal.code].status]
      await stage.admin.setEnabled('acme', false, false)
      const traces: string[] = []
      let before: string | undefined
      for (let count = 0; count < 5; count += 1) {
        const ended = await stage.call({ headers })
        const after = await standing(stage, ended)
        if (before !== undefined && (after !== before || ended.status !== turned)) traces.push(`after a refused call ${after}, before it ${before}`)
        before = after
      }
      await stage.admin.setEnabled('acme', true, false)
      const { status } = await stage.call({ headers })
      return [...traces, ...when(status !== good, `a good call after refused ones is answered ${status}`)]
    },
    { concurrentPerConsumer: 1 },
  )

const ENDS: readonly Partial<Outcome>[] = [
  { kind: 'charged', status: 200, price: 150_000n as Usd, receipt: 'rc_1' },
  { kind: 'free', status: 200 },
  { kind: 'passed', status: 404 },
  { kind: 'refused', status: 503, code: 'sold_out' },
  { kind: 'replayed', status: 200 },
  { kind: 'abandoned', status: 499 },
  { kind: 'unknown', status: 503, code: 'payment_pending' },
]

const observing = (plugin: Plugin): Promise<readonly string[]> =>
  staged(plugin, async (stage) => {
    const { call } = await stage.call({ headers: await stage.key('k') })
    return ENDS.flatMap((end) => observed(stage, call, { ...NO_OUTCOME, ...end } as Outcome))
  })

function observed({ hooks }: Stage, call: Call, outcome: Outcome): readonly string[] {
  try {
    const answer: unknown = hooks.observe?.(call, outcome)
    return when(answer instanceof Promise, 'observe promises something; nobody waits for it')
  } catch (error) {
    return [`a call that ended as ${outcome.kind}: ${messageOf(error)}`]
  }
}

const NO_OUTCOME: Partial<Outcome> = {
  ...{ code: undefined, attempts: [], chosen: undefined, units: 0 as Units, price: 0n as Usd, receipt: undefined, tookMs: 1 },
}

// ------------------------------------------------------------------ the list

export const guarantees: readonly Guarantee[] = [
  { name: 'its name is the name of its file', complaints: ({ name }, file) => when(name !== file, `${name} stands in ${file}`) },
  {
    name: 'it and its settings are described',
    complaints: ({ describe, settings }) => [...when(describe.trim() === '', 'it is not described'), ...documented(settings)],
  },
  { name: 'every default is one of its own kind', complaints: defaults },
  { name: 'it is made with what it needs, names what is missing, and closes, however often', complaints: making },
  { name: 'it gives the facts that it says, and says those that it gives', complaints: facts },
  { name: 'somebody gives what it needs', complaints: needs },
  { name: 'before the reservation it answers at once, and asked again the same', complaints: admitting },
  { name: 'a refused call leaves no trace', complaints: refused },
  { name: 'it observes every kind of end', complaints: observing },
]
