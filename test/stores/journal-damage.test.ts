/** A journal that was cut off or altered: an unfinished end is dropped, anything else is refused with one sentence. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t, { type Test } from 'tap'
import { crc32, crc32ByTable } from '../../gateway/stores/frames.ts'
import { JournalError } from '../../gateway/stores/index.ts'
import { Journal } from '../../gateway/stores/journal.ts'
import { memoryFolder } from '../rig/folder.ts'
import { allFrames, framesOf, segmentsOf } from '../rig/segments.ts'

const GROUPS = 4

const open = (folder: string, visit: (sequence: number) => void = () => undefined, segmentBytes = 64 * 1024) =>
  Journal.open({ folder, segmentBytes, replay: ({ sequence }) => visit(sequence), onGroup: () => undefined })

interface Written {
  readonly folder: string
  readonly file: string
  /** Without the zeros behind the data. */
  readonly bytes: Buffer
  /** Where each group ends, the first entry being 0. */
  readonly ends: readonly number[]
}

/** A small journal of one segment and some groups with two records each. */
async function written(t: Test): Promise<Written> {
  const folder = join(memoryFolder(t), 'journal')
  const { journal } = open(folder)
  for (let group = 1; group <= GROUPS; group += 1) {
    await Promise.all([journal.durable(`{"t":"a","n":${group}}`), journal.durable(`{"t":"b","text":"x=1 \u00e4\ufffd="}`)])
  }
  await journal.close()
  const file = segmentsOf(folder)[0] as string
  const ends = [0, ...framesOf(file).flatMap(({ text, end }) => (text.startsWith('=') ? [end] : []))]
  return { folder, file, bytes: readFileSync(file).subarray(0, ends[GROUPS]), ends }
}

/** Opens what `bytes` are, appends nothing. */
async function opened({ folder, file }: Written, bytes: Buffer): Promise<{ groups: number; cutBytes: number; end: number }> {
  writeFileSync(file, bytes)
  let groups = 0
  const { journal, cutBytes } = open(folder, (sequence) => {
    groups += 1
    if (sequence !== groups) throw new Error(`group ${sequence} came after ${groups - 1} others`)
  })
  const { offset } = journal.end
  await journal.close()
  // What was cut off is zero again: nothing of it may be taken for a part of the next group.
  const end = framesOf(file).at(-1)?.end ?? 0
  return { groups, cutBytes, end: end === offset ? end : -1 }
}

t.test('a segment that ends anywhere within a group has lost that group and nothing before it', async (t) => {
  const one = await written(t)
  const { bytes, ends } = one
  const wrong: string[] = []
  for (let length = 0; length <= bytes.length; length += 1) {
    const whole = ends.filter((end) => end <= length).length - 1
    for (const zeros of [0, 4096]) {
      const { groups, end } = await opened(one, Buffer.concat([bytes.subarray(0, length), Buffer.alloc(zeros)]))
      if (groups !== whole || end !== ends[whole]) wrong.push(`cut at ${length}, ${zeros} zeros behind: ${groups} groups, ${end} bytes left`)
    }
  }
  t.strictSame(wrong, [])
})

t.test('pages of the last group that did not reach the disk, in whatever order, are cut off with their group', async (t) => {
  const one = await written(t)
  const { bytes, ends } = one
  const last = ends[GROUPS - 1] as number
  const wrong: string[] = []
  for (let from = last; from < bytes.length; from += 1) {
    for (const to of [from + 1, from + 7, bytes.length - 5, bytes.length].filter((end) => end > from && end <= bytes.length)) {
      const holed = Buffer.from(bytes)
      holed.fill(0, from, to)
      if (holed.equals(bytes)) continue
      const { groups, end } = await opened(one, holed)
      if (groups !== GROUPS - 1 || end !== last) wrong.push(`zeros from ${from} to ${to}: ${groups} groups`)
    }
  }
  t.strictSame(wrong, [])
  t.match(await opened(one, Buffer.concat([bytes, Buffer.alloc(4096)])), { groups: GROUPS, cutBytes: 0 }, 'room that was made ahead is nothing that is cut')
})

t.test('stale bytes behind the end do not count, and are gone before anything is written', async (t) => {
  const one = await written(t)
  const { bytes, ends } = one
  const stale = Buffer.concat([bytes, Buffer.alloc(100), bytes.subarray(ends[1], ends[2]), Buffer.from('rest')])
  t.match(await opened(one, stale), { groups: GROUPS, cutBytes: stale.length - bytes.length, end: bytes.length })
  const half = Buffer.concat([bytes, bytes.subarray(0, 30)])
  t.match(await opened(one, half), { groups: GROUPS, cutBytes: 30, end: bytes.length })
})

/** What a byte may become: another bit, a line feed, the mark of a closing line, zero. */
const changes: readonly ((byte: number) => number)[] = [(byte) => byte ^ 0x01, (byte) => byte ^ 0x80, () => 0x0a, () => 0x3d, () => 0x31, () => 0]

t.test('a changed byte with groups after it refuses to open, says so in a sentence, and leaves the file as it is', async (t) => {
  const one = await written(t)
  const { file, bytes, ends } = one
  const wrong: string[] = []
  for (let at = 0; at < (ends[GROUPS - 1] as number); at += 1) {
    for (const change of changes) {
      const damaged = Buffer.from(bytes)
      damaged[at] = change(bytes[at] as number)
      if (damaged[at] === bytes[at]) continue
      const error = await opened(one, damaged).then(
        ({ groups }) => new Error(`it opened with ${groups} groups`),
        (thrown: Error) => thrown,
      )
      const group = ends.findIndex((end) => end > at)
      const expected = `${file}: group ${group} at byte ${ends[group - 1]} does not match its hash, and groups follow it: the file was altered or the disk lost data; restore it from a backup`
      if (!(error instanceof JournalError) || error.message !== expected) wrong.push(`byte ${at} to ${damaged[at]}: ${error.message}`)
      if (!readFileSync(file).equals(damaged)) wrong.push(`byte ${at} to ${damaged[at]}: the file was changed`)
    }
  }
  t.strictSame(wrong, [])
})

t.test('a changed byte in the last group cuts that group only', async (t) => {
  const one = await written(t)
  const { bytes, ends } = one
  const last = ends[GROUPS - 1] as number
  const wrong: string[] = []
  for (let at = last; at < bytes.length; at += 1) {
    for (const change of changes) {
      const damaged = Buffer.from(bytes)
      damaged[at] = change(bytes[at] as number)
      if (damaged[at] === bytes[at]) continue
      const { groups, end } = await opened(one, damaged).catch((error: Error) => ({ groups: error.message, end: 0 }))
      if (groups !== GROUPS - 1 || end !== last) wrong.push(`byte ${at} to ${damaged[at]}: ${groups}`)
    }
  }
  t.strictSame(wrong, [])
})

/** Some segments, of which the last has groups, too. */
async function longer(t: Test): Promise<{ folder: string; files: string[] }> {
  const folder = join(memoryFolder(t), 'journal')
  const { journal } = open(folder, undefined, 4096)
  for (let group = 1; group <= 60; group += 1) await journal.durable(`{"t":"a","n":${group},"text":"${'x'.repeat(200)}"}`)
  await journal.close()
  return { folder, files: segmentsOf(folder) }
}

const refusalOf = (folder: string): string => {
  try {
    void open(folder).journal.close()
    return 'it opened'
  } catch (error) {
    if (!(error instanceof JournalError)) throw error
    return error.message
  }
}

t.test('one segment follows another, named after its first group, and the chain goes through', async (t) => {
  const { folder, files } = await longer(t)
  t.ok(files.length > 3, `${files.length} segments`)
  const closings = allFrames(folder).filter(({ text }) => text.startsWith('='))
  t.equal(closings.length, 60)
  for (const file of files) {
    const first = closings.find((closing) => closing.file === file)?.text.split(' ')[0]
    t.equal(`${basename(file).replace(/^0+/, '=')}`, `${first}.seg`)
  }
  const seen: number[] = []
  const { journal } = open(folder, (sequence) => void seen.push(sequence), 4096)
  await journal.durable('{"t":"more"}')
  await journal.close()
  t.strictSame(
    seen,
    Array.from({ length: 60 }, (_, index) => index + 1),
  )
})

t.test('a missing segment, or one that ends too early, is named', async (t) => {
  const { folder, files } = await longer(t)
  const [first = '', second = '', third = ''] = files
  const keep = readFileSync(second)
  rmSync(second)
  t.equal(refusalOf(folder), `${folder}: the segment ${basename(second)} is missing, and later ones are there; restore it from a backup`)
  writeFileSync(second, keep)
  const frames = framesOf(second)
  const { at = 0 } = frames.at(-2) ?? {}
  const sequence = Number(frames.at(-1)?.text.slice(1).split(' ')[0])
  writeFileSync(second, Buffer.concat([keep.subarray(0, at + 20), Buffer.alloc(100)]))
  t.equal(
    refusalOf(folder),
    `${second}: group ${sequence} at byte ${at} does not match its hash, and groups follow it in ${basename(third)}: the file was altered or the disk lost data; restore it from a backup`,
  )
  writeFileSync(second, keep.subarray(0, at))
  t.match(refusalOf(folder), /is missing, and later ones are there/, 'cut off cleanly it lacks a group as well')
  writeFileSync(second, keep)
  rmSync(first)
  t.equal(refusalOf(folder), `${folder}: the segment ${basename(first)} is missing, and later ones are there; restore it from a backup`)
})

t.test('a segment that was only made ready, under either name, holds nobody up', async (t) => {
  const { folder, files } = await longer(t)
  writeFileSync(join(folder, 'next.seg'), Buffer.alloc(4096))
  const named = join(folder, '0000000000000061.seg')
  writeFileSync(named, Buffer.alloc(4096))
  const seen: number[] = []
  const { journal, cutBytes } = open(folder, (sequence) => void seen.push(sequence), 4096)
  t.equal(cutBytes, 0)
  t.equal(seen.length, 60)
  await journal.durable('{"t":"first of the new one"}')
  await journal.close()
  t.strictSame(segmentsOf(folder), [...files, named])
  t.equal(framesOf(named).length, 2)
  writeFileSync(join(folder, '0000000000000099.seg'), Buffer.alloc(4096))
  t.match(refusalOf(folder), /the segment 0000000000000062\.seg is missing/, 'one that begins later proves that groups are lost')
})

t.test('a group that was altered with its checksums made again is found by its hash', async (t) => {
  const one = await written(t)
  const at = framesOf(one.file).at(-2)?.at ?? 0
  const altered = Buffer.from(one.bytes)
  const length = altered.readUInt32LE(at)
  altered[at + 8 + length - 3] = 0x32
  altered.writeUInt32LE(crc32(altered.subarray(at + 8, at + 8 + length)), at + 4)
  await t.rejects(opened(one, altered), { name: 'JournalError', message: /group 4 at byte \d+ does not match its hash: the file was altered/ })
})

t.test('after the journal was closed nothing is taken, and closing again changes nothing', async (t) => {
  const { folder, file, bytes } = await written(t)
  const { journal } = open(folder)
  const last = journal.durable('{"t":"last"}')
  await journal.close()
  await last
  await t.rejects(journal.durable('{"t":"late"}'), /closed/)
  await t.rejects(journal.flushed(), /closed/)
  await journal.close()
  const added = framesOf(file).filter(({ at }) => at >= bytes.length)
  t.match(
    added.map(({ text }) => text),
    ['{"t":"last"}', /^=5 1 [0-9a-f]{64}$/],
    'what was appended before is there, what came later is not',
  )
  t.equal(added.length, 2)
})

t.test('the checksum of older Node.js versions is that of the newer ones', async (t) => {
  t.equal(crc32ByTable(Buffer.from('123456789')), 0xcbf43926, 'the check value of CRC-32')
  for (const text of ['', 'a', '{"t":"charge"}', '\0\xff\u20ac'.repeat(100)]) t.equal(crc32ByTable(Buffer.from(text)), crc32(Buffer.from(text)))
})
