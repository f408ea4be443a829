/** The place of one worker, whichever process has it now. */
import type { Worker } from 'node:cluster'
import type { ToWorker } from './messages.ts'

export interface Slot {
  readonly number: number
  worker: Worker | undefined
  /** Of the configuration that it began with, or has taken since. */
  text: string
  /** It waits to be told what to do. */
  said: boolean
  serves: boolean
  /** Deaths since one has served for long. */
  deaths: number
  servedSinceMs: number
  /** What it said of its end. */
  why: string | undefined
  timer: NodeJS.Timeout | undefined
}

export const slotOf = (number: number): Slot => ({
  ...{ number, worker: undefined, text: '', said: false, serves: false, deaths: 0, servedSinceMs: 0, why: undefined, timer: undefined },
})

export const ledgerMessage = (failed: string | undefined): ToWorker => ({ kind: 'ledger', ...(failed === undefined ? {} : { failed }) })

/** One that is gone hears nothing, and its end is told by itself. */
export function send({ worker }: Slot, message: ToWorker): void {
  if (worker?.isConnected() === true) worker.process.send?.(message, undefined, undefined, () => undefined)
}
