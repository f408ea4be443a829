/** `npm run bench`: all cases in interleaved rounds, medians, one table. Asserts no times; a wrong answer or wrong books fail the run. */

import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { type Case, cases, requestOf, startUpstream } from './cases.ts'
import type { Order, Result } from './load.ts'
import { answer, cpuMicros, start, stop } from './process.ts'
import { type Round, table } from './table.ts'

const CONNECTIONS = 64
/** Until the JIT has seen each case's code often enough: the larger a server, the longer; the same for all. */
const WARM_UP_SECONDS = 6

interface Tally {
  readonly rounds: Round[]
  answered: number
  /** Status -> how many, for everything that was no 200. */
  readonly wrong: Map<string, number>
  head: string
}

const { rounds, seconds, only } = options()
const failures: string[] = []
let orders = 0
const upstream = await startUpstream()
const client = start('./load.js')
const running = await startCases()
const tallies = new Map(running.map((item): [Case, Tally] => [item, { rounds: [], answered: 0, wrong: new Map(), head: '' }]))

for (const item of running) await load(item, Math.min(WARM_UP_SECONDS, 2 * seconds))
for (let round = 0; round < rounds; round++) {
  const first = round % Math.max(1, running.length)
  for (const item of [...running.slice(first), ...running.slice(0, first)]) tallies.get(item)?.rounds.push(await load(item, seconds))
}
await report()
for (const item of running) await item.stop()
client.disconnect()
await stop(upstream.child)
process.exitCode = failures.length > 0 ? 1 : 0

function options(): { rounds: number; seconds: number; only: readonly string[] } {
  const names = Object.keys(cases)
  const { values } = parseArgs({ options: { rounds: { type: 'string' }, seconds: { type: 'string' }, only: { type: 'string' } } })
  const only = values.only?.split(',') ?? names
  const [rounds, seconds] = [Number(values.rounds ?? 3), Number(values.seconds ?? 3)]
  const unknown = only.find((name) => !names.includes(name))
  if (unknown === undefined && Number.isInteger(rounds) && rounds > 0 && seconds > 0) return { rounds, seconds, only }
  console.error(`usage: npm run bench -- [--rounds N] [--seconds S] [--only ${names.join(',')}]`)
  process.exit(2)
}

async function startCases(): Promise<readonly Case[]> {
  const started: Case[] = []
  for (const [name, begin] of Object.entries(cases)) {
    if (!only.includes(name)) continue
    const item = await begin(upstream)
    if ('skipped' in item) console.log(`${name}: SKIPPED, ${item.skipped}`)
    else started.push(item)
  }
  return started
}

async function load(item: Case, forSeconds: number): Promise<Round> {
  const tally = tallies.get(item) as Tally
  const order: Order = { id: ++orders, port: item.port, connections: CONNECTIONS, seconds: forSeconds, requests: item.keys.map((key) => requestOf(item, key)) }
  const before = cpuMicros(item.pid)
  client.send(order)
  const result = await answer<Result>(client)
  const after = cpuMicros(item.pid)
  if (result.id !== order.id) throw new Error(`the client answered order ${result.id} while ${order.id} was under way`)
  let answers = 0
  for (const [status, count] of Object.entries(result.statuses)) {
    answers += count
    if (status === '200') tally.answered += count
    else tally.wrong.set(status, (tally.wrong.get(status) ?? 0) + count)
  }
  tally.head = result.head
  return {
    perSecond: result.inTime / result.elapsedSeconds,
    cpuMicros: before === undefined || after === undefined ? undefined : (after - before) / answers,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
  }
}

async function report(): Promise<void> {
  console.log(`Node ${process.version}, ${availableParallelism()} cores, ${CONNECTIONS} connections, ${rounds} rounds of ${seconds} s, medians\n`)
  console.log(table([...tallies].map(([{ name }, tally]) => ({ name, rounds: tally.rounds }))))
  console.log('')
  for (const [item, tally] of tallies) {
    const wrong = [...tally.wrong].map(([status, count]) => `${count} × ${status}`).join(', ')
    if (wrong !== '') failures.push(`${item.name}: answers other than 200: ${wrong}`)
    const books = await item.check?.(tally.answered, tally.head)
    if (books?.ok === true) console.log(books.line)
    if (books?.ok === false) failures.push(`${item.name}: ${books.line}`)
  }
  if (tallies.size === 0) failures.push('no case ran')
  for (const failure of failures) console.log(`FAILED ${failure}`)
  if (failures.length === 0) console.log('every answer was 200')
}
