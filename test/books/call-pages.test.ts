/** Recorded calls are told alike wherever their records are kept: in the journal, in books made from an outbox, in PostgreSQL. */
import { setImmediate as turnOf } from 'node:timers/promises'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { type Books, type CallAsk, type CallLine, CallLines, type CallPage, piecesOf, readCallLines } from '#contract'
import { ledgerId, openBooks } from '../../gateway/books/index.ts'
import { chainOf, MemoryOutbox, postgresAlone, silent } from '../rig/books.ts'
import { memoryFolder } from '../rig/folder.ts'
import { groupsOf, historyOf, type Step, steps } from '../rig/histories.ts'
import { eventful, fill, journalOf, open } from '../rig/history.ts'
import { openPostgres } from '../rig/postgres.ts'
import { seedOf } from '../rig/random.ts'
import { allFrames } from '../rig/segments.ts'

const seed = seedOf(t)
const server = await openPostgres(t)
let names = 0

const textIn = (page: CallPage): string => Buffer.concat([...piecesOf(page)]).toString()

async function linesOf(calls: AsyncIterable<Uint8Array>): Promise<CallLine[]> {
  const pieces: Uint8Array[] = []
  for await (const piece of calls) pieces.push(piece)
  return readCallLines(Buffer.concat(pieces).toString())
}

interface Written {
  readonly t: string
  readonly id: string
  readonly at: number
  readonly by: string
  readonly receipt: string
  readonly connection: string
  readonly owner: string
  readonly account: string
  readonly units: number
  readonly price: string
  readonly platform: string
}

/** By the words of the records alone. */
function expected(records: readonly object[]): unknown[] {
  const intents = new Map<string, Written>()
  return (records as readonly Written[]).flatMap((record): unknown[][] => {
    const sold = (one: Written, chargedAt: number): unknown[] => [
      ...['c', one.at, chargedAt, one.id, 'acme', 'search', one.account, one.account, one.by, one.connection, one.owner, one.units, one.units],
      ...[one.price, one.platform, []],
    ]
    if (record.t === 'charge') return [sold(record, record.at)]
    if (record.t === 'intent') intents.set(record.id, record)
    const intent = intents.get(record.id)
    if (record.t === 'void' || record.t === 'settled') intents.delete(record.id)
    if (record.t === 'settled' && intent !== undefined) return [sold(intent, record.at)]
    return record.t === 'refund' ? [['r', record.at, record.receipt, record.price, record.platform, record.account]] : []
  })
}

async function fromOutbox(t: Test, records: readonly object[]): Promise<Books> {
  const outbox = new MemoryOutbox()
  const folder = memoryFolder(t)
  const { books } = openBooks({ folder, mode: 'sandbox', outbox, log: silent })
  t.teardown(() => books.close())
  outbox.add(records, ledgerId({ folder, mode: 'sandbox' }))
  return books
}

async function inPostgres(t: Test, groups: readonly (readonly object[])[]): Promise<Books> {
  names += 1
  const opened = await postgresAlone(t, { url: server.url, name: `calls${names}` })
  for (const group of chainOf(groups)) opened.feed(group)
  return opened.books
}

t.test('both drivers tell every call that was charged, in the order of its charge', async (t) => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1, max: 9 }), async (all, size) => {
      const records = historyOf(all)
      const both = await Promise.all([fromOutbox(t, records), inPostgres(t, groupsOf(records, [size]))])
      const wanted = JSON.stringify(expected(records))
      for (const books of both) {
        const found = JSON.stringify(await linesOf(books.calls(0)))
        if (found !== wanted) throw new Error(`${found}\n${wanted}`)
      }
      await Promise.all(both.map((books) => books.close()))
    }),
    { seed, numRuns: 6 },
  )
  t.pass()
})

const step: Step = { kind: 'charge', account: 'key:a', owner: 'alice', price: 10n, share: 1000n, units: 1, hours: 1, pick: 0 }

t.test('many groups come in pieces, and what is long before the time that is asked for is not read', async (t) => {
  const records = historyOf(Array.from({ length: 3_000 }, () => step))
  const groups = groupsOf(records, [1])
  const { at } = records[2_900] as { at: number }
  for (const books of [await inPostgres(t, groups), await fromOutbox(t, records)]) {
    t.equal((await linesOf(books.calls(0))).length, 3_000)
    const late = await linesOf(books.calls(at))
    t.same(late.slice(-100), expected(records).slice(-100))
  }
  const late = await linesOf((await inPostgres(t, groups)).calls(at))
  t.ok(late.length < 110, `${late.length} lines were read for the last 100`)
})

t.test('a page of any size is read in small pieces of whole lines, and others have their turn between them', async (t) => {
  const records = historyOf(Array.from({ length: 3_000 }, () => step))
  const books = await fromOutbox(t, records)
  let [turns, reading] = [0, true]
  const turn = (): void => {
    turns += 1
    if (reading) setImmediate(turn)
  }
  setImmediate(turn)
  const pieces: Buffer[] = []
  const turnsBefore: number[] = []
  for await (const piece of books.calls(0)) {
    turnsBefore.push(turns)
    pieces.push(Buffer.from(piece))
  }
  reading = false
  t.ok(pieces.length > 5, `${pieces.length} pieces`)
  for (const piece of pieces) t.ok(piece.at(-1) === 10 && piece.length < 66_000, `${piece.length} bytes`)
  t.ok(
    turnsBefore.every((count, at) => at === 0 || count > (turnsBefore[at - 1] as number)),
    'a turn between any two',
  )
  t.equal(readCallLines(Buffer.concat(pieces).toString()).length, 3_000)
})

t.test('the journal tells the same by hand as by its JSON, across segments, with what was wasted, reversed and counted elsewhere', async (t) => {
  const rig = open(t)
  await eventful(rig)
  await fill(rig, 2, 'more')
  await rig.flushed()
  const lines: CallLine[] = []
  let page = await rig.reader.calls({ sinceMs: 0, after: undefined, open: [] })
  let pages = 1
  for (lines.push(...readCallLines(textIn(page))); page.next !== undefined; pages += 1) {
    page = await rig.reader.calls({ sinceMs: 0, after: page.next, open: page.open })
    lines.push(...readCallLines(textIn(page)))
  }
  t.ok(pages > 1, `${pages} segments`)
  const slow = new CallLines([])
  // Another order of members: nothing of it is read by hand.
  for (const { text } of allFrames(journalOf(rig))) if (text.startsWith('{')) take(slow, JSON.stringify(reordered(JSON.parse(text) as object)))
  t.same(lines, readCallLines(textIn(slow.page(undefined))))
  const receipts = lines.flatMap((line) => (line[0] === 'c' && !line[3].startsWith('more') ? [line[3]] : []))
  t.same(receipts, ['plain', 'own', 'named', 'once', 'spent', 'refunded', 'settled', 'daily'])
  t.same(
    lines.filter(([kind]) => kind === 'r').map((line) => line[2]),
    ['refunded'],
  )
})

function take(lines: CallLines, text: string): void {
  const bytes = Buffer.from(text)
  lines.take(bytes, 0, bytes.length)
}

/** The first stays the first. */
function reordered(record: object): object {
  const [first, ...rest] = Object.entries(record)
  return Object.fromEntries([first as [string, unknown], ...rest.reverse()])
}

t.test('whoever reads no further hears nothing of a piece that was read ahead and failed', async (t) => {
  const folder = memoryFolder(t)
  const asked: unknown[] = []
  const calls = async ({ after }: CallAsk): Promise<CallPage> => {
    asked.push(after)
    if (after !== undefined) throw new Error('the disk')
    return { lines: new TextEncoder().encode('["a line"]\n'), next: 1, open: [] }
  }
  const { books } = openBooks({ folder, mode: 'sandbox', flushed: () => Promise.resolve(), calls })
  t.teardown(() => books.close())
  for await (const piece of books.calls(0)) {
    t.equal(Buffer.from(piece).toString(), '["a line"]\n')
    break
  }
  // What nobody has caught would have ended the process by now.
  await turnOf()
  t.strictSame(asked, [undefined, 1])
  await t.rejects(linesOf(books.calls(0)), { message: 'the disk' }, 'who reads on does')
})
