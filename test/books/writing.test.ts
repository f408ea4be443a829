/** What is put waits a moment for more, and nobody who asks waits for that moment. */
import { join } from 'node:path'
import Database from 'libsql'
import t from 'tap'
import { Booking } from '../../gateway/books/booking.ts'
import { Ledger } from '../../gateway/books/ledger.ts'
import { Pendings } from '../../gateway/books/pendings.ts'
import { prepare } from '../../gateway/books/prepare.ts'
import type { FedGroup } from '../../gateway/books/thread.ts'
import { Writing } from '../../gateway/books/writing.ts'
import { soldCall } from '../rig/books.ts'
import { memoryFolder, type Teardown } from '../rig/folder.ts'
import { groupOf } from '../rig/ledger.ts'

const NEVER_MS = 2 ** 31 - 1

function opened(t: Teardown, holdMs: number, isFull = (): boolean => false): { readonly writing: Writing; readonly written: number[] } {
  const folder = memoryFolder(t)
  const file = join(folder, 'books.db')
  prepare(file, { folder, mode: 'sandbox' }, 'journal')
  const written: number[] = []
  class Counted extends Ledger {
    override write(booking: Booking): void {
      if (isFull()) {
        // As far as a transaction comes before it fails.
        booking.whole(new Pendings(new Database(':memory:')))
        throw new Error('the disk is full')
      }
      super.write(booking)
      written.push(booking.groups)
    }
  }
  const keepsLines = false
  const writing = new Writing({
    open: () => new Counted(file, { keepsLines }),
    booking: () => new Booking({ keepsLines }),
    tell: () => undefined,
    holdMs,
  })
  t.teardown(() => writing.close())
  return { writing, written }
}

const groups = (from: number, count: number): FedGroup[] => Array.from({ length: count }, (_, index) => groupOf(from + index, [soldCall(`r${from + index}`)]))

t.test('what is put is written together as soon as somebody asks', (t) => {
  const { writing, written } = opened(t, NEVER_MS)
  void writing.put(groups(1, 2))
  void writing.put(groups(3, 1))
  t.strictSame(written, [])
  t.equal(writing.current().statement('key:a', 10).length, 3)
  t.strictSame(written, [3])
  t.end()
})

t.test('what nobody asks for is written by itself', async (t) => {
  const { writing, written } = opened(t, 20)
  await Promise.all([writing.put(groups(1, 1)), writing.put(groups(2, 1))])
  t.strictSame(written, [2])
  await writing.put(groups(3, 1))
  t.strictSame(written, [2, 1])
})

t.test('enough of it waits for nothing', (t) => {
  const { writing, written } = opened(t, NEVER_MS)
  const large = groupOf(2, [{ t: 'key', key: 'x'.repeat(16 * 1024 * 1024) }])
  void writing.put(groups(1, 1))
  t.strictSame(written, [])
  void writing.put([large])
  t.equal(written.length > 0, true)
  t.equal(writing.standing.sequence, 2)
  t.end()
})

t.test('what is put last is written when the books are closed', (t) => {
  const { writing, written } = opened(t, NEVER_MS)
  void writing.put(groups(1, 1))
  writing.close()
  t.strictSame(written, [1])
  t.end()
})

t.test('what could not be written is written as it is when it can be, and then what came meanwhile', async (t) => {
  let isFull = true
  const { writing, written } = opened(t, NEVER_MS, () => isFull)
  const first = writing.put(groups(1, 2))
  t.throws(() => writing.current(), /the books cannot be written: the disk is full/)
  const second = writing.put([...groups(2, 1), ...groups(3, 1)])
  t.throws(() => writing.current(), /the disk is full/)
  isFull = false
  t.strictSame(
    writing
      .current()
      .statement('key:a', 10)
      .map(({ receipt }) => receipt),
    ['r3', 'r2', 'r1'],
  )
  t.strictSame(written, [2, 1])
  await Promise.all([first, second])
})
