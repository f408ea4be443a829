/** The other end of `thread.ts`, inside the thread: answers by name, and tells what is wrong. */
import { parentPort } from 'node:worker_threads'
import { lentBy } from '#contract'
import type { Ask, Asks, Told } from './thread.ts'
import { UnfitError } from './unfit.ts'

export const tell = (told: Told, transfer: readonly ArrayBuffer[] = []): void => parentPort?.postMessage(told, transfer)

export const textOf = (error: unknown): string => {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0].message
  return error instanceof Error ? error.message : String(error)
}

export function answerAll(asks: Asks): void {
  parentPort?.on('message', (ask: Ask) => void answer(asks, ask))
}

async function answer(asks: Asks, { id, name, args }: Ask): Promise<void> {
  try {
    const asked = asks[name].bind(asks) as (...given: readonly unknown[]) => Promise<unknown>
    const value = await asked(...args)
    // Memory that was lent goes back as it is.
    tell({ id, value }, lentBy(value))
  } catch (error) {
    tell({ id, error: textOf(error), unfit: error instanceof UnfitError })
  }
  if (name === 'close') parentPort?.close()
}
