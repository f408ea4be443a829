/**
 * The order of times that come in a few runs, each nearly in order by itself: charged calls by their charges, and those of each log of
 * uncharged ones. A comparator that is called back takes ten times as long.
 */

/** What comes late has few before it; what has more begins another run. */
const MOST_BACK = 64
const MOST_RUNS = 64

/** Places of the times; those of one time stay in their order. */
export function orderOf(times: Float64Array): Uint32Array {
  const order = new Uint32Array(times.length)
  for (let at = 0; at < times.length; at += 1) order[at] = at
  let starts = runsOf(times, order)
  if (starts === undefined) return order.sort((a, b) => (times[a] as number) - (times[b] as number) || a - b)
  const merged = new Uint32Array(times.length)
  for (; starts.length > 1; starts = starts.filter((_, index) => index % 2 === 0)) {
    for (let index = 0; index < starts.length; index += 2) {
      const [from, middle = times.length, to = times.length] = starts.slice(index, index + 3) as [number, number, number]
      merge(times, order, merged, from, middle, to)
    }
    order.set(merged)
  }
  return order
}

/** Each put in order, with where it begins; undefined where there are too many. */
function runsOf(times: Float64Array, order: Uint32Array): number[] | undefined {
  const starts = [0]
  let start = 0
  for (let at = 1; at < times.length; at += 1) {
    const time = times[at] as number
    const isLater = (place: number): boolean => (times[order[place] as number] as number) > time
    if (!isLater(at - 1)) continue
    let to = at
    while (to > start && at - to < MOST_BACK && isLater(to - 1)) to -= 1
    if (to > start && isLater(to - 1)) {
      start = at
      if (starts.push(start) > MOST_RUNS) return undefined
    } else {
      order.copyWithin(to + 1, to, at)
      order[to] = at
    }
  }
  return starts
}

/** Two neighbouring runs into one. */
function merge(times: Float64Array, order: Uint32Array, merged: Uint32Array, from: number, middle: number, to: number): void {
  let [left, right] = [from, middle]
  for (let at = from; at < to; at += 1) {
    const isLeft = right === to || (left < middle && (times[order[left] as number] as number) <= (times[order[right] as number] as number))
    merged[at] = order[isLeft ? left : right] as number
    if (isLeft) left += 1
    else right += 1
  }
}
