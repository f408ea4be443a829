/** What can be done from a page: each the same action that a command takes, with what came of it in a sentence. */
import { OfficeError } from '../../office/index.ts'
import type { Check } from '../../office/marketplace.ts'
import type { Desk } from './desk.ts'
import type { Verified, Vetted } from './look.ts'
import type { Flash } from './sessions.ts'

/** What is kept of what was done, in the memory of this process. */
export interface Kept {
  readonly vetted: Map<string, Vetted>
  verified: Verified | undefined
}

interface Done {
  readonly flash: Flash
  /** The view that shows it. */
  readonly to: string
}

type Act = (desk: Desk, form: URLSearchParams, kept: Kept) => Promise<Done>

const good = (to: string, text: string): Done => ({ to, flash: { good: true, text } })

async function pause({ served }: Desk, form: URLSearchParams): Promise<Done> {
  const name = form.get('name') ?? ''
  await served.office.marketplace.disable([name])
  return good(`/console/connections#${encodeURIComponent(name)}`, `${name} is off sale. Its owner’s calls go on.`)
}

async function resume({ served, nowMs }: Desk, form: URLSearchParams, kept: Kept): Promise<Done> {
  const name = form.get('name') ?? ''
  const { connections } = await served.office.marketplace.enable([name], { acceptRisk: form.get('accept_risk') === 'yes' })
  const row = connections[0] as { readonly checks: readonly Check[]; readonly vetted: boolean; readonly refused: string | null }
  kept.vetted.set(name, { atMs: nowMs, checks: row.checks })
  const to = `/console/connections#${encodeURIComponent(name)}`
  if (row.refused !== null) return { to, flash: { good: false, text: row.refused } }
  const failed = row.checks.filter(({ result }) => result === 'failed').map(({ check }) => check)
  return good(to, `${name} is on sale, ${row.vetted ? 'vetted' : `not vetted: failed ${failed.join(', ')}`}.`)
}

async function unblock({ served }: Desk, form: URLSearchParams): Promise<Done> {
  const { who, was, score } = await served.office.abuse.unblock(form.get('who') ?? '')
  return good('/console/consumers', `${who} is forgotten; it was ${was} with a score of ${score}.`)
}

async function verify({ served, nowMs }: Desk, _: URLSearchParams, kept: Kept): Promise<Done> {
  const { ok, detail } = await served.office.audit.verify()
  kept.verified = { atMs: nowMs, ok, detail }
  const text = ok ? `The audit log is whole: ${detail}` : `The audit log is not what was written: ${detail}`
  return { to: '/console/audit', flash: { good: ok, text } }
}

/** What is done, and the view to go back to where it cannot be. */
const ACTS: Readonly<Record<string, { readonly act: Act; readonly back: string }>> = {
  pause: { act: pause, back: '/console/connections' },
  resume: { act: resume, back: '/console/connections' },
  unblock: { act: unblock, back: '/console/consumers' },
  verify: { act: verify, back: '/console/audit' },
}

export const isAct = (name: string): boolean => Object.hasOwn(ACTS, name)

/** What an office refuses is a sentence on the page; anything else is a fault. */
export async function acted(name: string, desk: Desk, form: URLSearchParams, kept: Kept): Promise<Done> {
  const { act, back } = ACTS[name] as (typeof ACTS)[string]
  try {
    return await act(desk, form, kept)
  } catch (error) {
    if (!(error instanceof OfficeError)) throw error
    return { to: back, flash: { good: false, text: error.message } }
  }
}
