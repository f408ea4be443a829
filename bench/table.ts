/** Medians of rounds as a table, with ratios to the two peers that matter. */

export interface Round {
  readonly perSecond: number
  readonly cpuMicros: number | undefined
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Row {
  readonly name: string
  readonly rounds: readonly Round[]
}

const PEERS = ['fast-gateway', 'undici', 'unsynced']
const NONE = '-'

const median = (values: readonly (number | undefined)[]): number | undefined => {
  const known = values.filter((value) => value !== undefined).sort((a, b) => a - b)
  const middle = known.length >> 1
  return known.length % 2 === 1 ? known[middle] : known.length === 0 ? undefined : ((known[middle - 1] as number) + (known[middle] as number)) / 2
}

const shown = (value: number | undefined, digits: number): string => (value === undefined ? NONE : value.toFixed(digits))

const quotient = (a: number | undefined, b: number | undefined): string => (a === undefined || b === undefined ? NONE : `${(a / b).toFixed(2)}x`)

export function table(rows: readonly Row[], against: readonly string[] = PEERS): string {
  const medians = rows.map(({ name, rounds }) => ({
    name,
    perSecond: median(rounds.map((round) => round.perSecond)),
    cpuMicros: median(rounds.map((round) => round.cpuMicros)),
    p50Ms: median(rounds.map((round) => round.p50Ms)),
    p99Ms: median(rounds.map((round) => round.p99Ms)),
  }))
  const peers = against.map((peer) => medians.find(({ name }) => name === peer))
  const head = ['', 'requests/s', 'CPU µs', 'p50 ms', 'p99 ms', ...against.flatMap((peer) => [`req/s : ${peer}`, `CPU : ${peer}`])]
  const lines = medians.map((row) => [
    row.name,
    shown(row.perSecond, 0),
    shown(row.cpuMicros, 1),
    shown(row.p50Ms, 2),
    shown(row.p99Ms, 2),
    ...peers.flatMap((peer) => [quotient(row.perSecond, peer?.perSecond), quotient(row.cpuMicros, peer?.cpuMicros)]),
  ])
  const widths = head.map((_, column) => Math.max(...[head, ...lines].map((line) => (line[column] as string).length)))
  const printed = (line: readonly string[]): string =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] as number) : cell.padStart(widths[column] as number))).join('  ')
  return [head, ...lines].map(printed).join('\n')
}
