/** This gateway as a case; afterwards its books have to name exactly what was answered. */

import { Atlas } from './atlas.ts'
import type { Beside } from './beside.ts'
import { checkOwn, checkSold } from './book-check.ts'
import type { Answers, Case, Checked, Started } from './case.ts'
import { configurationOf, type Setup } from './gateway-config.ts'
import { keyRequest, paidRequest } from './requests.ts'

const KEYS = 16
/** File, line and column of a complaint: a temporary file says nothing to a reader. */
const PLACE = /^(warning: )?\S*gateway\.config\.yml(:\d+:\d+)?:? */

export interface Variant extends Omit<Setup, 'redisUrl' | 'postgresUrl'> {
  readonly name: string
  readonly redis?: Beside
  readonly postgres?: Beside
  /** A module that the gateway loads first. */
  readonly preload?: string
}

export async function startGateway({ name, redis, postgres, preload, ...setup }: Variant): Promise<Started> {
  const besides = [redis, postgres].filter((one) => one !== undefined)
  const stopBesides = async (): Promise<void> => {
    for (const one of besides) if ('stop' in one) await one.stop()
  }
  const lacking = besides.find((one) => 'skipped' in one)
  const urlOf = (one: Beside | undefined): string | undefined => (one !== undefined && 'url' in one ? one.url : undefined)
  const atlas = await Atlas.fresh(configurationOf({ ...setup, redisUrl: urlOf(redis), postgresUrl: urlOf(postgres) }))
  const why = lacking?.skipped ?? (setup.workers === undefined ? undefined : await notServed(atlas, 'workers'))
  if (why !== undefined) {
    await stopBesides()
    return { name, skipped: why }
  }
  const stop = async (): Promise<void> => {
    await atlas.stop()
    await stopBesides()
  }
  try {
    await atlas.start(preload)
    const asked = await requestsOf(atlas, setup)
    const beside = besides.flatMap((one) => ('pid' in one ? [one.pid] : []))
    const payer = setup.facilitatorPort === undefined ? 'credits' : 'x402'
    const check = (answers: Answers): Checked => (setup.chain === 'off' ? checkOwn(atlas, answers) : checkSold(atlas, answers, payer))
    return { name, port: atlas.port, pid: atlas.pid, ...asked, beside, check, stop }
  } catch (error) {
    await stop()
    return { name, skipped: error instanceof Error ? error.message : String(error) }
  }
}

async function requestsOf(
  atlas: Atlas,
  { chain, facilitatorPort }: Pick<Setup, 'chain' | 'facilitatorPort'>,
): Promise<Pick<Case, 'requests' | 'uniqueAt' | 'connections'>> {
  if (facilitatorPort !== undefined) return paidRequest(atlas.port)
  const what = chain === 'off' ? { owner: 'operator' } : { credits: '$10000000' }
  const requests: string[] = []
  for (let index = 0; index < KEYS; index += 1) requests.push(keyRequest(atlas.port, await atlas.createKey(what)))
  return { requests }
}

/** A setting that this version takes without effect, or refuses. */
async function notServed(atlas: Atlas, setting: string): Promise<string | undefined> {
  try {
    return (await atlas.check())
      .split('\n')
      .find((line) => line.includes(`${setting} is not served`))
      ?.replace(PLACE, '')
  } catch (error) {
    const { stderr = '' } = error as { stderr?: string }
    return (
      stderr
        .trim()
        .split('\n')
        .slice(-2)
        .map((line) => line.replace(PLACE, ''))
        .join(' | ') || String(error)
    )
  }
}
