/**
 * Answers that are given again, where the adapter says that the provider's terms let them be kept. Equal calls at the same time are
 * one call of the provider. Every consumer pays as if his answer were new; it takes none of the owner's units (docs/DECISIONS.md, "A kept answer").
 */
import { type Alternative, type Call, definePlugin, type KeptAnswer, keepableMs, PassingMap, sha256Of } from '#contract'

/** A call that asks the provider, and those that wait for what it gets. */
interface Lead {
  readonly key: string
  readonly answer: Promise<KeptAnswer | undefined>
  tell(answer: KeptAnswer | undefined): void
}

function leadFor(key: string): Lead {
  let tell: Lead['tell'] = () => undefined
  const answer = new Promise<KeptAnswer | undefined>((resolve) => {
    tell = resolve
  })
  return { key, answer, tell }
}

/** The same question to the same subscription: who sells the answer is who has it. Of the head all that reaches a provider counts. */
const keyOf = (call: Call, { connection }: Alternative): string =>
  sha256Of([connection, call.method, call.target, call.header('accept') ?? '', call.header('accept-language') ?? '', ''].join('\n'), call.body)

/** Asked on a condition, the answer may have no body. */
const isConditional = (call: Call): boolean => call.header('if-none-match') !== undefined || call.header('if-modified-since') !== undefined
const wantsNew = (call: Call): boolean => /\bno-(cache|store)\b/i.test(call.header('cache-control') ?? '')

/** Of an entry beside its body: key, headers, objects. */
const OVERHEAD_BYTES = 1024

export default definePlugin({
  name: 'cache',
  describe: 'Gives answers again where the provider allows it; each consumer pays, and no units are used',
  needs: ['consumer'],
  settings: {
    size: { type: 'size', default: '64MiB', describe: 'Memory for answers, in each process; what nobody asked for longest goes first' },
    longest: { type: 'duration', default: '60s', describe: 'How long an answer is given again, where the terms do not say less' },
  },
  create: ({ size, longest }, { memory }) => {
    const kept = memory<KeptAnswer>(size)
    const underWay = new PassingMap<Lead>()
    /** Call id -> what it leads: one question for each connection that it was sent to. */
    const leading = new PassingMap<Lead[]>()
    const forMs = (call: Call): number => Math.min(longest, keepableMs(call.adapter, call.operation))
    // An owner asks his own subscription, and gets what it says now.
    const takesPart = (call: Call): boolean => forMs(call) > 0 && call.consumer.kind !== 'owner' && !isConditional(call)

    const lead = (call: Call, key: string): void => {
      const one = leadFor(key)
      underWay.set(key, one)
      const led = leading.get(call.id)
      if (led === undefined) leading.set(call.id, [one])
      else led.push(one)
    }
    const end = (one: Lead, answer: KeptAnswer | undefined): void => {
      if (underWay.get(one.key) === one) underWay.delete(one.key)
      one.tell(answer)
    }
    return {
      answer: (call, chosen) => {
        if (!takesPart(call)) return undefined
        const key = keyOf(call, chosen)
        const found = wantsNew(call) ? undefined : (kept.get(key) ?? underWay.get(key)?.answer)
        if (found === undefined && underWay.get(key) === undefined) lead(call, key)
        return found
      },
      answered: (call, chosen, answer) => {
        if (!takesPart(call) || answer.status !== 200) return
        const key = keyOf(call, chosen)
        kept.keep(key, answer, answer.body.length + OVERHEAD_BYTES, forMs(call))
        for (const one of leading.get(call.id) ?? []) if (one.key === key) end(one, answer)
      },
      // Whoever still waits goes and asks himself.
      observe: ({ id }) => {
        for (const one of leading.get(id) ?? []) end(one, undefined)
        leading.delete(id)
      },
      close: () => kept.clear(),
    }
  },
})
