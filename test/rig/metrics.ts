/** Reads the text format of Prometheus (version 0.0.4), strictly: what is not of it throws. */

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface MetricFamily {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: readonly Sample[]
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (NaN|[+-]Inf|-?[0-9.e+-]+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g

/** @throws Error with the line that is none of it */
export function readMetrics(text: string): Map<string, MetricFamily> {
  const families = new Map<string, MetricFamily & { samples: Sample[] }>()
  let current: (MetricFamily & { samples: Sample[] }) | undefined
  let help: readonly [string, string] | undefined
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, word, of = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? []
    if (word === 'HELP') help = [of, rest]
    else if (word === 'TYPE') {
      if (help?.[0] !== of || families.has(of)) throw new Error(`a type without its help, or twice: ${line}`)
      current = { name: of, type: rest, help: help[1], samples: [] }
      families.set(of, current)
    } else {
      const [, name, labels = '', value] = SAMPLE.exec(line) ?? []
      const suffix = name?.slice(current?.name.length ?? 0) ?? ''
      const isOf =
        current !== undefined && name?.startsWith(current.name) && (current.type === 'histogram' ? /^_(bucket|sum|count)$/.test(suffix) : suffix === '')
      if (name === undefined || !isOf) throw new Error(`no sample of ${current?.name}: ${line}`)
      current?.samples.push({
        name,
        labels: Object.fromEntries(Array.from(labels.matchAll(LABEL), ([, key = '', text = '']) => [key, text])),
        value: Number(value),
      })
    }
  }
  return families
}

/** The sum of a metric's samples that have these labels. */
export function sumOf(families: ReadonlyMap<string, MetricFamily>, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))
  if (family === undefined) throw new Error(`there is no ${name}`)
  const found = family.samples.filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
  return found.reduce((sum, { value }) => sum + value, 0)
}
