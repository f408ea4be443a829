/** How long a start takes, from the process to the first 200 of GET /healthz, and what memory an idle, empty gateway holds. */

import { Atlas } from './atlas.ts'
import { median } from './figures.ts'
import { configurationOf } from './gateway-config.ts'
import { residentMb } from './process.ts'

const STARTS = 5
/** Until what a start leaves to do has been done. */
const SETTLED_MS = 2_000

export interface Startup {
  readonly readyMs: number
  readonly idleMb: number | undefined
}

/** Each start in a folder of its own, by the command that operators use; medians. */
export async function measureStartup(upstreamPort: number): Promise<Startup> {
  const [readyMs, idleMb]: [number[], (number | undefined)[]] = [[], []]
  for (let count = 0; count < STARTS; count += 1) {
    const atlas = await Atlas.fresh(configurationOf({ upstreamPort }))
    readyMs.push(await atlas.start())
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
    idleMb.push(residentMb(atlas.pid))
    await atlas.stop()
  }
  return { readyMs: median(readyMs) as number, idleMb: median(idleMb) }
}
