/**
 * Whether a pattern runs away: whether some text can be read by it in ever more ways, which an engine that goes back tries one by one.
 * It does not where no two repetitions can share text (Weber and Seidl 1991, "On the degree of ambiguity of finite automata": the
 * condition IDA over Glushkov's automaton). Repetitions with a bound count as those without; the answer errs towards refusing.
 */
import { ALL, type Branch, type Characters, readPattern, type Tree, UnreadablePattern } from './pattern.ts'

const LONGEST = 1000
/** Places of a pattern where a character is taken. */
const MOST_PLACES = 200
const MOST_STEPS = 200_000

/** Why a pattern is not taken, in words that follow "the pattern"; undefined where it is. */
export function faultOfPattern(source: string): string | undefined {
  if (source.length > LONGEST) return `is longer than ${LONGEST} characters`
  try {
    new RegExp(source, 'u')
  } catch (error) {
    return `is no regular expression: ${error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : String(error)}`
  }
  try {
    const branches = readPattern(source)
    return branches.some((branch) => isAmbiguous(automatonOf(branch)))
      ? 'can run away: two of its repetitions can take the same text; expected repetitions that share no characters'
      : undefined
  } catch (error) {
    if (error instanceof UnreadablePattern) return `cannot be judged, for ${error.message}; expected plain characters, classes, groups and repetitions`
    throw error
  }
}

interface Place {
  readonly set: Characters
  /** Next place -> in how many ways. */
  readonly next: Map<number, number>
}

type Ends = ReadonlySet<number>

interface Part {
  readonly first: Ends
  readonly last: Ends
  /** Nothing at all fits, too. */
  readonly empty: boolean
}

class Builder {
  readonly places: Place[] = []

  part(tree: Tree): Part {
    switch (tree.is) {
      case 'set':
        return this.place(tree.set)
      case 'sequence':
        return tree.of.map((one) => this.part(one)).reduce((before, after) => this.join(before, after), { first: new Set(), last: new Set(), empty: true })
      case 'choice':
        return tree.of.map((one) => this.part(one)).reduce(either)
      case 'repeat':
        return this.#repeated(tree.of, tree.least, tree.most)
    }
  }

  place(set: Characters): Part {
    if (this.places.length === MOST_PLACES) throw new UnreadablePattern('its length')
    const at = new Set([this.places.push({ set, next: new Map() }) - 1])
    return { first: at, last: at, empty: false }
  }

  join(before: Part, after: Part): Part {
    this.link(before.last, after.first)
    return {
      first: before.empty ? new Set([...before.first, ...after.first]) : before.first,
      last: after.empty ? new Set([...before.last, ...after.last]) : after.last,
      empty: before.empty && after.empty,
    }
  }

  #repeated(of: Tree, least: number, most: number): Part {
    if (most === 0) return { first: new Set(), last: new Set(), empty: true }
    // So many times exactly is that many in a row.
    if (least === most && most <= 64) {
      let all = this.part(of)
      for (let count = 1; count < most; count += 1) all = this.join(all, this.part(of))
      return all
    }
    const once = this.part(of)
    if (most > 1) this.link(once.last, once.first)
    return { ...once, empty: once.empty || least === 0 }
  }

  link(from: Ends, to: Ends): void {
    for (const one of from) for (const other of to) (this.places[one] as Place).next.set(other, (this.places[one]?.next.get(other) ?? 0) + 1)
  }
}

const either = (one: Part, other: Part): Part => ({
  first: new Set([...one.first, ...other.first]),
  last: new Set([...one.last, ...other.last]),
  empty: one.empty || other.empty,
})

function automatonOf({ tree, fromStart, toEnd }: Branch): readonly Place[] {
  const builder = new Builder()
  const whole = builder.part(tree)
  // Without an end to reach, the first fit is the answer: nothing goes on from there.
  if (!toEnd) for (const at of whole.last) builder.places[at]?.next.clear()
  if (!fromStart) {
    const before = builder.place(ALL)
    builder.link(before.last, before.first)
    builder.link(before.last, whole.first)
  }
  return builder.places
}

/** Two ways around one circle; or a text that leads from p to p, from p to q and from q to q. */
function isAmbiguous(places: readonly Place[]): boolean {
  const reach = places.map((_, at) => reached(places, at))
  const turns = (at: number): boolean => reach[at]?.has(at) === true
  for (const [at, { next }] of places.entries()) for (const [to, ways] of next) if (ways > 1 && reach[to]?.has(at) === true) return true
  let steps = 0
  for (const p of places.keys()) {
    if (!turns(p)) continue
    for (const q of reach[p] as ReadonlySet<number>) {
      if (q === p || !turns(q)) continue
      const seen = new Set<number>()
      const open: (readonly [number, number, number])[] = [[p, p, q]]
      for (let now = open.pop(); now !== undefined; now = open.pop()) {
        for (const then of stepsFrom(places, now)) {
          if (then[0] === p && then[1] === q && then[2] === q) return true
          const key = (then[0] * MOST_PLACES + then[1]) * MOST_PLACES + then[2]
          if (seen.has(key)) continue
          seen.add(key)
          open.push(then)
          steps += 1
          if (steps > MOST_STEPS) throw new UnreadablePattern('the number of its ways')
        }
      }
    }
  }
  return false
}

function* stepsFrom(places: readonly Place[], [a, b, c]: readonly [number, number, number]): Generator<readonly [number, number, number]> {
  for (const x of (places[a] as Place).next.keys()) {
    for (const y of (places[b] as Place).next.keys()) {
      const both = (places[x] as Place).set & (places[y] as Place).set
      if (both === 0n) continue
      for (const z of (places[c] as Place).next.keys()) if ((both & (places[z] as Place).set) !== 0n) yield [x, y, z]
    }
  }
}

/** Places that can follow one, at some distance. */
function reached(places: readonly Place[], from: number): ReadonlySet<number> {
  const found = new Set<number>()
  const open = [from]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    for (const to of (places[at] as Place).next.keys()) {
      if (found.has(to)) continue
      found.add(to)
      open.push(to)
    }
  }
  return found
}
