/** Work beside the calls that would take a core for long, in small bites: where cores are short, calls wait for a bite of it, not for all. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'

/** To be called often: between two bites of work it may block its thread for a moment. */
export type Pause = () => void

const WORK_MS = 1
const REST_MS = 3
const READ_BYTES = 1024 * 1024

const cell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
let sinceMs = performance.now()

/** For a thread that nobody waits for: it works a quarter of the time. */
export function breathe(): void {
  if (performance.now() - sinceMs < WORK_MS) return
  Atomics.wait(cell, 0, 0, REST_MS)
  sinceMs = performance.now()
}

/** A whole file, in pieces. @throws Error where it cannot be read, or became shorter meanwhile */
export function readInPieces(file: string, pause: Pause): Buffer {
  const fd = openSync(file, 'r')
  try {
    const bytes = Buffer.allocUnsafeSlow(fstatSync(fd).size)
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
