/** Every complaint about a configuration has one shape: place, what is wrong, what was expected, nearest name. */

export interface Complaint {
  /** As the operator named it. */
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly column: number
  readonly message: string
}

/** `gateway.config.yml:14:15: reserved 12000 is more than monthly_quota 10000; expected 0 to 10000` */
export const formatComplaint = ({ file, line, column, message }: Complaint): string => `${file}:${line}:${column}: ${message}`

/** Something that has a place in the text. */
export interface Placed {
  /** Offset in the text. */
  readonly at: number
}

export const START: Placed = { at: 0 }

/** Collects complaints about one file. What was complained about once is spoiled: nothing that follows from it is said. */
export class Complaints {
  readonly #file: string
  readonly #lineStarts: readonly number[]
  readonly #spoiled = new Set<Placed>()
  readonly #problems = new Map<string, Complaint>()
  readonly #warnings = new Map<string, Complaint>()

  constructor(file: string, text: string) {
    this.#file = file
    this.#lineStarts = [0, ...Array.from(text.matchAll(/\r\n|\n|\r/g), (found) => found.index + found[0].length)]
  }

  place(at: number): { line: number; column: number } {
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#lineStarts[middle] as number) <= at) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: at - (this.#lineStarts[low] as number) + 1 }
  }

  /** An error at a value or key; only the first for each. Returns nothing, as what was complained about has no value. */
  error(where: Placed, message: string): undefined {
    if (this.#spoiled.has(where)) return
    if (where !== START) this.#spoiled.add(where)
    this.missing(where, message)
  }

  /** An error about something that is not there: one place may lack several things, and stays usable. */
  missing(where: Placed, message: string): undefined {
    this.#add(this.#problems, where, message)
  }

  warn(where: Placed, message: string): void {
    if (this.#spoiled.has(where)) return
    this.#add(this.#warnings, where, message)
  }

  /** Was this already complained about? */
  spoiled(...places: readonly (Placed | undefined)[]): boolean {
    return places.some((place) => place !== undefined && this.#spoiled.has(place))
  }

  get problems(): readonly Complaint[] {
    return sorted(this.#problems)
  }

  get warnings(): readonly Complaint[] {
    return sorted(this.#warnings)
  }

  #add(to: Map<string, Complaint>, where: Placed, message: string): void {
    const complaint = { file: this.#file, ...this.place(where.at), message }
    to.set(formatComplaint(complaint), complaint)
  }
}

const sorted = (complaints: ReadonlyMap<string, Complaint>): readonly Complaint[] =>
  [...complaints.values()].sort((a, b) => a.line - b.line || a.column - b.column)

/** The name that was probably meant; undefined when none is near. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  const all = [...names]
  return nearestByDistance(name, all) ?? (name.length < 3 ? undefined : all.find((candidate) => candidate.startsWith(name)))
}

function nearestByDistance(name: string, names: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance && distance < candidate.length) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** `nearest: x` when something is near, else what there is, so that nobody has to guess. */
export function hint(name: string, names: Iterable<string>): string {
  const all = [...new Set(names)]
  const near = nearest(name, all)
  if (near !== undefined) return `nearest: ${near}`
  return `expected ${all.length === 0 ? 'none' : list(all.sort())}`
}

/** `a, b or c`; long lists are cut. */
export function list(names: readonly string[], word = 'or', most = 12): string {
  if (names.length > most) return `${names.slice(0, most).join(', ')}, …`
  if (names.length < 2) return names[0] ?? 'nothing'
  return `${names.slice(0, -1).join(', ')} ${word} ${names.at(-1)}`
}

/** Insertions, deletions, changes and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min((last[column] as number) + 1, (current[column - 1] as number) + 1, (last[column - 1] as number) + (same ? 0 : 1))
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (swapped) cost = Math.min(cost, (beforeLast[column - 2] as number) + 1)
      current.push(cost)
    }
    ;[beforeLast, last] = [last, current]
  }
  return last[b.length] as number
}
