/**
 * A process that feeds books in PostgreSQL from an outbox of COUNT sold calls and dies by kill -9 when it is about to tell the
 * outbox for the NTHth time: what it has written is durable, and nobody was told. With 0 it ends when everything is there.
 *
 *     node follower-child.js URL NAME COUNT NTH
 */
import { openPostgresBooks } from '../../gateway/books/postgres/index.ts'
import { MemoryOutbox, silent, soldCall } from './books.ts'

const [, , url = '', name = '', count = '0', nth = '0'] = process.argv

class DeadlyOutbox extends MemoryOutbox {
  #told = 0

  override async reached(id: string): Promise<void> {
    this.#told += 1
    if (this.#told === Number(nth)) process.kill(process.pid, 'SIGKILL')
    await super.reached(id)
  }
}

async function run(): Promise<void> {
  const outbox = new DeadlyOutbox()
  outbox.add(Array.from({ length: Number(count) }, (_, index) => soldCall(`c${index}`)))
  const { books } = await openPostgresBooks({ url, name, mode: 'sandbox', source: { outbox }, log: silent })
  const [row] = await books.report('2026-11')
  process.stdout.write(`${row?.callsSold ?? 0}\n`)
  await books.close()
}

if (process.argv[1]?.endsWith('follower-child.js') === true) void run()
