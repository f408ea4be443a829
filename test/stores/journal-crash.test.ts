/** The journal under SIGKILL and imitated power loss: what was acknowledged is there, nothing is half there, the chain goes on. */
import { createHash } from 'node:crypto'
import { readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Journal } from '../../gateway/stores/journal.ts'
import { startChild } from '../rig/child.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { digestOf } from '../rig/journal-writer.ts'
import { randomFrom, seedOf } from '../rig/random.ts'

const ROUNDS = 15

/** Ids that the writer said were acknowledged (`ok`) or refused (`no`), in order. */
const idsOf = (lines: readonly string[], word: 'ok' | 'no'): string[] => lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(3))

const lineOf = (text: string, id: string): number => text.indexOf(`{"id":"${id}",`)

/** Where the group ends in which this record stands; by hand, so that the reader is not its own judge. */
function endOfGroupOf(file: string, id: string): number {
  const text = readFileSync(file, 'latin1')
  const at = lineOf(text, id)
  if (at === -1) throw new Error(`the acknowledged record ${id} is not in the file`)
  const closing = text.indexOf('\n=', at) + 1
  return text.indexOf('\n', closing) + 1
}

/** The whole file, read by the words of its format alone. */
function chainOf(file: string): { ids: string[]; groups: number } {
  const ids: string[] = []
  let hash = '0'.repeat(64)
  let groups = 0
  let lines: string[] = []
  const text = readFileSync(file, 'utf8')
  if (text !== '' && !text.endsWith('\n')) throw new Error('the file ends within a line')
  for (const line of text.split('\n').slice(0, -1)) {
    if (!line.startsWith('=')) {
      lines.push(line)
      continue
    }
    groups += 1
    hash = createHash('sha256')
      .update(hash)
      .update(lines.map((one) => `${one}\n`).join(''))
      .digest('hex')
    if (line !== `=${groups} ${lines.length} ${hash}`) throw new Error(`group ${groups} is closed by ${line}`)
    ids.push(...lines.map(wholeId))
    lines = []
  }
  if (lines.length > 0) throw new Error('records without a closing line were left')
  return { ids, groups }
}

function wholeId(line: string): string {
  const { id, filler, digest } = JSON.parse(line) as { id: string; filler: string; digest: string }
  if (digest !== digestOf(id + filler)) throw new Error(`record ${id} is damaged`)
  return id
}

t.test('what was acknowledged before SIGKILL and power loss is there, nothing is half there, and the chain goes on', async (t) => {
  const random = randomFrom(seedOf(t))
  const file = join(temporaryFolder(t), 'journal.log')
  const acknowledged: string[] = []
  let cuts = 0
  for (let round = 0; round < ROUNDS; round += 1) {
    const child = startChild(t, 'journal-writer.js', [file, `r${round}`, String(Math.floor(random() * 2 ** 31))])
    await child.said(1 + Math.floor(random() * 800))
    t.equal(await child.kill(), 'SIGKILL')
    const said = idsOf(child.lines, 'ok')
    acknowledged.push(...said)
    // What was not acknowledged need not have reached the disk: any part of it may be missing.
    const safe = endOfGroupOf(file, said.at(-1) as string)
    const size = statSync(file).size
    const cut = safe + Math.floor(random() * (size - safe + 1))
    if (cut < size) cuts += 1
    truncateSync(file, cut)

    const replayed: string[] = []
    const { journal, cutBytes } = Journal.open(
      file,
      ({ lines }) => void replayed.push(...lines.map(wholeId)),
      () => undefined,
    )
    await journal.durable(JSON.stringify({ id: `between-${round}`, filler: '', digest: digestOf(`between-${round}`) }))
    acknowledged.push(`between-${round}`)
    await journal.close()
    const there = new Set(replayed)
    t.equal(there.size, replayed.length, 'no record is there twice')
    const lost = acknowledged.filter((id) => !there.has(id) && id !== `between-${round}`)
    t.strictSame(lost, [], `round ${round}: every acknowledged record is there (cut ${size - cut} bytes, of which ${cutBytes} more were cut at opening)`)
    const { ids } = chainOf(file)
    t.strictSame(ids, [...replayed, `between-${round}`], 'the reader and the format agree')
    const mine = ids.filter((id) => id.startsWith(`r${round}-`))
    t.strictSame(
      mine,
      mine.map((_, index) => `r${round}-${index}`),
      'the records of a process are a beginning of what it wrote, in order',
    )
  }
  t.comment(`${acknowledged.length} acknowledged records, ${cuts} of ${ROUNDS} kills lost something that was not acknowledged`)
})

t.test('after a failed write nothing is acknowledged any more, and what was acknowledged before is there', async (t) => {
  const file = join(temporaryFolder(t), 'journal.log')
  // A limit of the operating system on the size of a file: the write comes back short, the next one with EFBIG.
  const child = startChild(t, 'journal-writer.js', [file, 'full', String(seedOf(t)), '5000'], { fileBlocks: 64 })
  t.equal(await child.ended, 0, 'a failed write is no crash')
  const said = idsOf(child.lines, 'ok')
  t.ok(said.length > 0, 'there was room for some')
  t.equal(said.length + idsOf(child.lines, 'no').length, 5000, 'everybody was told')
  t.strictSame(
    said,
    said.map((_, index) => `full-${index}`),
    'nothing is acknowledged after the first refusal',
  )
  const replayed: string[] = []
  const { journal } = Journal.open(
    file,
    ({ lines }) => void replayed.push(...lines.map(wholeId)),
    () => undefined,
  )
  await journal.close()
  t.strictSame(replayed.slice(0, said.length), said)
  t.ok(replayed.length < 5000, 'nothing was written after the failure')
})
