/**
 * Preloaded into a gateway: kills it at one named point. ATLAS_TEST_FAULT is `<record>:<when>`; records are those of the
 * journal and of the outbox, `before` is before anything of it is written, `written` when the kernel has it and no sync
 * was asked for, `synced` when it is durable and nobody has heard of it. `reserve` is a reservation of credits at Redis, which has no line.
 */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { Redis } from 'ioredis'
import { splitSync } from '../rig/split-sync.ts'

export type Moment = 'before' | 'written' | 'synced'

const [record = '', moment = ''] = (process.env.ATLAS_TEST_FAULT ?? '').split(':')
/** The payer stands first in what a reservation asks for (gateway/stores/redis/arguments.ts). */
const mark = Buffer.from(record === 'reserve' ? 'credits\x1f' : `"t":"${record}"`)
const { write, fdatasync } = fs
const holding = new Set<number>()

const die = (): never => {
  process.kill(process.pid, 'SIGKILL')
  // The signal comes at once; nothing may run until then.
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

Object.assign(fs, {
  write: (fd: number, bytes: Buffer, from: number, length: number, position: number, done: (error: Error | null, written: number) => void): void => {
    const here = bytes.subarray(from, from + length).includes(mark)
    if (!here) return write(fd, bytes, from, length, position, done)
    if (moment === 'before') die()
    write(fd, bytes, from, length, position, (error, written) => {
      if (moment === 'written') die()
      holding.add(fd)
      done(error, written)
    })
  },
  fdatasync: (fd: number, done: (error: Error | null) => void): void =>
    fdatasync(fd, (error) => {
      if (holding.has(fd)) die()
      done(error)
    }),
})
syncBuiltinESMExports()
splitSync()

// The same for the scripts of a Redis store, which carry their line: what Redis has answered is durable, and nobody has heard of it.
const { sendCommand } = Redis.prototype
Redis.prototype.sendCommand = function watched(this: Redis, ...sent: Parameters<typeof sendCommand>) {
  const here = sent[0].args.some((argument) => String(argument).includes(mark.toString()))
  if (here && moment === 'before') die()
  const answered = sendCommand.apply(this, sent)
  if (here && moment === 'synced') Promise.resolve(answered).then(die, () => undefined)
  return answered
}
