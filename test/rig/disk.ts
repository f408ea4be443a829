/** The machine's disk, misbehaving for a while: calls of the operating system answered by a test. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import type { Teardown } from './folder.ts'

/** Put back by what is returned, at the latest with the test. */
export function using(t: Teardown, parts: Partial<typeof fs>): () => void {
  const before = Object.fromEntries(Object.keys(parts).map((name) => [name, fs[name as keyof typeof fs]]))
  const undo = (): void => {
    Object.assign(fs, before)
    syncBuiltinESMExports()
  }
  Object.assign(fs, parts)
  syncBuiltinESMExports()
  t.teardown(undo)
  return undo
}

export const refusing = (...args: [number, Buffer, number, number, number, Written]): void => void setImmediate(() => args[5](error('ENOSPC'), 0))
export const error = (code: string): Error => Object.assign(new Error(`${code}: the disk`), { code })
export type Written = (error: Error | null, written: number) => void
export type Synced = (error: Error | null) => void
