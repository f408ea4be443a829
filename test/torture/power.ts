/**
 * A power cut beside a kill. A killed process loses nothing that it gave to the kernel; a machine that loses power loses
 * what was not synced. A gateway with `watch.js` preloaded writes down which bytes are not synced yet; `losePower` takes
 * them away, all or the last part of them.
 */
import { closeSync, existsSync, ftruncateSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** A file, and what of it was written and not yet synced. */
interface Unsynced {
  readonly path: string
  readonly from: number
  readonly bytes: number
  /** The file ended here when it was last synced. */
  readonly size: number
}

/** Environment of a gateway whose unsynced bytes are kept in `folder`. */
export function watchedBy(folder: string, preload?: string): Readonly<Record<string, string>> {
  const modules = [new URL('./watch.js', import.meta.url), ...(preload === undefined ? [] : [new URL(preload, import.meta.url)])]
  return { NODE_OPTIONS: modules.map((url) => `--import=${url.href}`).join(' '), ATLAS_TEST_UNSYNCED: join(folder, 'unsynced.json') }
}

/** True where something was lost. */
export function losePower(folder: string, random: () => number): boolean {
  const file = join(folder, 'unsynced.json')
  if (!existsSync(file)) return false
  const text = readFileSync(file, 'utf8')
  rmSync(file)
  // Killed while it wrote this down: then nobody knows, and nothing more is taken.
  if (!text.endsWith(']\n')) return false
  const lost = (JSON.parse(text) as readonly Unsynced[]).filter(({ bytes, path }) => bytes > 0 && existsSync(path))
  for (const { path, from, bytes, size } of lost) {
    const kept = Math.floor(random() * bytes)
    const fd = openSync(path, 'r+')
    if (from + bytes > size) ftruncateSync(fd, Math.max(size, from + kept))
    else writeSync(fd, Buffer.alloc(bytes - kept), 0, bytes - kept, from + kept)
    closeSync(fd)
  }
  return lost.length > 0
}
