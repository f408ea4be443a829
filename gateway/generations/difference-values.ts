/** Values of settings as they are written in the file. */
import { dollars, type Ratio, type Rate, type Setting } from '#contract'

export const same = (a: string | null, b: string | null): boolean => a === b

const DURATIONS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1_000, 's'],
] as const
const SIZES = [
  [1024 * 1024, 'MiB'],
  [1024, 'KiB'],
] as const
const WINDOWS: Readonly<Record<number, string>> = { 1: 'second', 60: 'minute', 3600: 'hour', 86400: 'day' }

function inUnits(value: number, units: readonly (readonly [number, string])[], smallest: string): string {
  const [size, name] = units.find(([one]) => value !== 0 && value % one === 0) ?? [1, smallest]
  return `${value / size}${name}`
}

/** An exact decimal where there is one; a fraction is told as it is. */
function decimal({ num, den }: Ratio): string {
  for (let places = 0; places <= 12; places += 1) {
    const scaled = num * 10n ** BigInt(places)
    if (scaled % den !== 0n) continue
    const digits = (scaled / den).toString().padStart(places + 1, '0')
    return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`
  }
  return `${num}/${den}`
}

type Form = Setting['type'] | 'cost'

/** One value of a setting of this type. */
export function shown(value: unknown, form: Form): string {
  switch (form) {
    case 'duration':
      return inUnits(value as number, DURATIONS, 'ms')
    case 'size':
      return inUnits(value as number, SIZES, '')
    case 'rate': {
      const { count, windowSeconds } = value as Rate
      return `${count}/${WINDOWS[windowSeconds] ?? `${windowSeconds}s`}`
    }
    case 'percent': {
      const { num, den } = value as Ratio
      return `${decimal({ num: num * 100n, den })}%`
    }
    case 'factor':
      return `${decimal(value as Ratio)}x`
    // Micro-dollars a unit, exact.
    case 'cost':
      return `$${decimal({ num: (value as Ratio).num, den: (value as Ratio).den * 1_000_000n })}`
    case 'money':
      return dollars(value as bigint)
    default:
      return String(value)
  }
}

/** Settings of a plugin by their declaration; those of a group under its name. */
export function settingsShown(
  declared: Readonly<Record<string, Setting>>,
  values: Readonly<Record<string, unknown>>,
  under = '',
): readonly (readonly [string, string])[] {
  return Object.entries(declared).flatMap(([name, setting]): (readonly [string, string])[] => {
    const value = values[name]
    if (value === undefined) return []
    const path = `${under}${name}`
    if (setting.type === 'group') return [...settingsShown(setting.of, value as Readonly<Record<string, unknown>>, `${path}.`)]
    if (setting.type === 'table')
      return [...(value as ReadonlyMap<string, unknown>)].map(([key, one]) => [`${path}.${key}`, shown(one, setting.of.type)] as const)
    if (Array.isArray(value)) return [[path, value.map(hidden).join(', ')]]
    return [[path, setting.type === 'string' ? hidden(value) : shown(value, setting.type)]]
  })
}

/** An address may carry a token in its path or query, or a login: its origin says enough. */
const hidden = (value: unknown): string => {
  const text = String(value)
  if (!/^https?:/.test(text) || !URL.canParse(text)) return text
  const { origin, pathname, search } = new URL(text)
  return pathname === '/' && search === '' ? origin : `${origin}/…`
}

/** Members by their path; what is undefined is not there. */
export function flat(of: Readonly<Record<string, unknown>>, under = ''): readonly [string, string][] {
  return Object.entries(of).flatMap(([name, value]): [string, string][] => {
    if (value === undefined) return []
    const path = `${under}${name}`
    if (typeof value === 'object' && value !== null) return [...flat(value as Readonly<Record<string, unknown>>, `${path}.`)]
    return [[path, hidden(value)]]
  })
}
