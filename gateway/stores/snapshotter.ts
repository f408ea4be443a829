/** A thread of its own for one snapshot: it reads what is complete, writes, says how it went, and ends. */
import { parentPort, workerData } from 'node:worker_threads'
import { makeSnapshot, type SnapshotWish } from './snapshots.ts'

export type SnapshotTold = { readonly sequence: number } | { readonly failed: string }

function told(): SnapshotTold {
  try {
    return { sequence: makeSnapshot(workerData as SnapshotWish).sequence }
  } catch (error) {
    return { failed: error instanceof Error ? error.message : String(error) }
  }
}

parentPort?.postMessage(told())
