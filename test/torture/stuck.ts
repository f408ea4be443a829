/** Preloaded into a gateway: SIGUSR2 makes the disk stand still, another one lets it go on. Nothing is lost, it only takes its time. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { splitSync } from '../rig/split-sync.ts'

const { fdatasync } = fs
let stuck = false
const waiting: (() => void)[] = []

process.on('SIGUSR2', () => {
  stuck = !stuck
  process.stdout.write(`the disk ${stuck ? 'stands still' : 'goes on'}\n`)
  if (!stuck) for (const go of waiting.splice(0)) go()
})

Object.assign(fs, {
  fdatasync: (fd: number, done: (error: Error | null) => void): void => {
    const sync = (): void => fdatasync(fd, done)
    if (stuck) waiting.push(sync)
    else sync()
  },
})
syncBuiltinESMExports()
splitSync()
