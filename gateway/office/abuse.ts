/** Who is suspected of abuse, and how he is let go: the scores of the gateway that runs. */
import { ABUSES, addressSubject, type Suspect } from '#contract'
import { isIP } from 'node:net'
import type { Ground } from '../ground/index.ts'
import type { AuditOffice } from './audit.ts'
import { OfficeError } from './error.ts'
import { iso } from './keys.ts'

/** A score that is worth a line although nothing has come of it: a tenth of the default limit. */
const LEAST_SCORE = 60
const MOST_SHOWN = 1_000

const NOBODY_RUNS = 'no gateway runs; scores of abuse live in the running gateway only, so that nobody is throttled or blocked now'

/** Scores of the gateway that runs, or of all its workers. */
export interface Suspects {
  suspects(leastScore: number): readonly Suspect[] | Promise<readonly Suspect[]>
  forget(subject: string): boolean | Promise<boolean>
}

export class AbuseDesk {
  readonly #ground: Ground
  readonly #meters: Suspects | undefined
  readonly #audit: AuditOffice

  /** Without meters no gateway runs. */
  constructor(ground: Ground, meters: Suspects | undefined, audit: AuditOffice) {
    this.#ground = ground
    this.#meters = meters
    this.#audit = audit
  }

  /** The worst first. Of this gateway and its workers: several gateways with one store keep scores of their own. */
  async list(): Promise<Record<string, unknown>> {
    const suspects = (await this.#meters?.suspects(LEAST_SCORE)) ?? []
    return {
      suspects: suspects.slice(0, MOST_SHOWN).map(row),
      total: suspects.length,
      note: this.#meters === undefined ? NOBODY_RUNS : null,
    }
  }

  /** `who`: an address, the id of a key, a wallet; as `list` writes them, or without the word before. */
  async unblock(who: string): Promise<{ who: string; was: string; score: number }> {
    const subject = subjectOf(who.trim())
    if (subject === undefined) throw new OfficeError(`${who} is no address, key or wallet; expected for example 198.51.100.7, k_… or 0x…`)
    if (this.#meters === undefined) throw new OfficeError(NOBODY_RUNS)
    const found = (await this.#meters.suspects(0)).find((suspect) => suspect.subject === subject)
    if (found === undefined) throw new OfficeError(`nothing stands against ${subject}; atlas abuse list shows who is suspected`)
    const { state, score } = found
    await this.#ground.audit.write(this.#audit.act({ action: 'abuse.unblock', subject, detail: `it was ${state} with a score of ${score}` }))
    await this.#meters.forget(subject)
    this.#ground.log.info({ subject, was: state, score }, 'abuse: unblocked by the operator')
    return { who: subject, was: state, score }
  }
}

function subjectOf(who: string): string | undefined {
  const [, kind, name = ''] = /^(?:(address|key|wallet):)?(.*)$/s.exec(who) ?? []
  const address = name.replace(/\/64$/, '')
  if ((kind === undefined || kind === 'address') && isIP(address) !== 0) return addressSubject(address)
  if ((kind === undefined || kind === 'wallet') && /^0x[0-9a-f]{40}$/i.test(name)) return `wallet:${name.toLowerCase()}`
  if ((kind === undefined && name.startsWith('k_')) || (kind === 'key' && name !== '')) return `key:${name}`
  return undefined
}

const row = ({ subject, state, score, calls, refused, blocks, shadow, sinceMs, untilMs }: Suspect): Record<string, unknown> => ({
  ...{ who: subject, state, score },
  abuse: Object.fromEntries(ABUSES.filter((abuse) => calls[abuse] > 0).map((abuse) => [abuse, calls[abuse]])),
  ...{ refused, blocks, shadow, since: iso(sinceMs), until: iso(untilMs) },
})
