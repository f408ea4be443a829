/** Preloaded into a gateway: a disk that says at once that it has synced. What durability costs is the difference. */
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { splitSync } from '../../test/rig/split-sync.ts'

Object.assign(fs, {
  fdatasync: (_: number, done: (error: Error | null) => void): void => void setImmediate(done, null),
})
syncBuiltinESMExports()
splitSync()
