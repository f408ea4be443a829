/** The other end of `thread.ts`, inside the thread: answers by name, and tells what is wrong. */
import { platform, setPriority } from 'node:os'
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
  standBack()
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

/** Of 0 to 19: a tenth of what others get where all want a core. */
const NICE = 10

/** Nobody waits for the books as long as calls do: two cores are for the calls first. Linux counts by thread; elsewhere it would be the whole gateway. */
function standBack(): void {
  if (platform() === 'linux') setPriority(0, NICE)
}
