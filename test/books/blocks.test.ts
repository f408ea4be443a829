/** Groups are copied into memory that is used again; whose they were may use theirs again, too. */
import t from 'tap'
import { Blocks } from '../../gateway/books/blocks.ts'
import { groupsIn } from '../../gateway/books/thread.ts'
import { soldCall } from '../rig/books.ts'
import { memoryFolder } from '../rig/folder.ts'
import { booksAlone, groupOf } from '../rig/ledger.ts'

const MEGABYTE = 1024 * 1024

t.test('whoever feeds may write over the bytes as soon as they are fed', async (t) => {
  const opened = booksAlone(t, memoryFolder(t))
  const memory = Buffer.alloc(4096)
  for (let sequence = 1; sequence <= 50; sequence += 1) {
    const { hash, bytes } = groupOf(sequence, [soldCall(`r${sequence}`)])
    memory.set(bytes)
    opened.feed({ sequence, hash, bytes: memory.subarray(0, bytes.length) })
    memory.fill('x')
  }
  t.match(await opened.books.report('2026-11'), [{ callsSold: 50 }])
  const receipts = (await opened.books.statement('key:a', 100)).map(({ receipt }) => receipt)
  t.strictSame(
    receipts.reverse(),
    Array.from({ length: 50 }, (_, index) => `r${index + 1}`),
  )
})

t.test('groups of any size come whole and in order, also those that are larger than a block', async (t) => {
  const opened = booksAlone(t, memoryFolder(t))
  const sizes = [10, MEGABYTE - 600, 10, 2 * MEGABYTE, 10, MEGABYTE / 2, MEGABYTE / 2, 10]
  for (const [index, size] of sizes.entries()) opened.feed(groupOf(index + 1, [{ t: 'key', key: 'x'.repeat(size) }, soldCall(`r${index + 1}`)]))
  const receipts = (await opened.books.statement('key:a', 100)).map(({ receipt }) => receipt)
  t.strictSame(
    receipts.reverse(),
    sizes.map((_, index) => `r${index + 1}`),
  )
})

t.test('memory that has come back is filled again; that of a large group is not kept', (t) => {
  const blocks = new Blocks()
  const filled = (from: number, size: number) => {
    t.equal(blocks.add({ sequence: from, hash: `h${from}`, bytes: Buffer.alloc(size, from) }), true)
    const block = blocks.end()
    if (block === undefined) throw new Error('nothing was filled')
    return block
  }
  const first = filled(1, 100)
  t.strictSame(groupsIn(first), [{ sequence: 1, hash: 'h1', bytes: new Uint8Array(100).fill(1) }])
  t.not(filled(2, 100).memory, first.memory, 'while it is lent it is left alone')
  blocks.back(first.memory)
  t.equal(filled(3, 100).memory, first.memory)
  const large = filled(4, 2 * MEGABYTE)
  blocks.back(large.memory)
  t.equal(filled(5, 100).memory.byteLength, MEGABYTE)
  t.equal(blocks.end(), undefined)
  t.end()
})
