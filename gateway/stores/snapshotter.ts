/** A thread of its own for snapshots: for each wish it reads what is complete, writes, and says how it went. */
import { parentPort } from 'node:worker_threads'
import { breathe, standBack } from './breath.ts'
import { makeSnapshot, type SnapshotWish } from './snapshots.ts'

export type SnapshotTold = { readonly sequence: number } | { readonly failed: string }

function told(wish: SnapshotWish): SnapshotTold {
  try {
    return { sequence: makeSnapshot(wish, breathe).sequence }
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) }
  }
}

standBack()
parentPort?.on('message', (wish: SnapshotWish) => parentPort?.postMessage(told(wish)))
