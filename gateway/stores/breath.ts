/** Work beside the calls that would take a core for long, in small bites: where cores are short, calls wait for a bite of it, not for all. */
import { platform, setPriority } from 'node:os'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** To be called often: between two bites of work it may block its thread for a moment. */
export type Pause = () => void

/** For work that somebody waits for. */
export const NO_PAUSE: Pause = () => undefined

const WORK_MS = 1
const REST_MS = 3
const READ_BYTES = 1024 * 1024

/** Of 0 to 19: a tenth of what others get where all want a core. */
const NICE = 10

/** For the whole of a thread that nobody waits for. Linux counts by thread; elsewhere it would be the whole gateway. */
export function standBack(): void {
  if (platform() === 'linux') setPriority(0, NICE)
}

const cell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
let sinceMs = performance.now()

/** For a thread that nobody waits for: it works a quarter of the time. */
export function breathe(): void {
  if (performance.now() - sinceMs < WORK_MS) return
  Atomics.wait(cell, 0, 0, REST_MS)
  sinceMs = performance.now()
}

/** Memory that a file is read into again, and again: fresh memory costs as much as reading. */
let room = Buffer.alloc(0)

/** A whole file, in pieces; what it is read into is valid until the next one. @throws Error where it cannot be read, or became shorter meanwhile */
export function readInPieces(file: string, pause: Pause): Buffer {
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    if (room.length < size) room = Buffer.allocUnsafeSlow(size)
    const bytes = room.subarray(0, size)
    for (let at = 0; at < bytes.length; ) {
      pause()
      const read = readSync(fd, bytes, at, Math.min(READ_BYTES, bytes.length - at), at)
      if (read === 0) throw new Error(`${file} became shorter while it was read`)
      at += read
    }
    return bytes
  } finally {
    closeSync(fd)
  }
}
