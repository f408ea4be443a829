/** The x402-payment plugin alone: its hooks, the facilitators that it asks, and calls that carry a payment. */

import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import type {
  Call,
  Clock,
  Facilitator,
  FacilitatorAnswer,
  FacilitatorRequest,
  Hooks,
  Payment,
  PluginPorts,
  Settlement,
  TillSettings,
  Usd,
} from '../../gateway/contract/index.ts'
import plugin from '../../plugins/x402-payment.ts'
import { Tills } from '../../gateway/payments/index.ts'
import { NO_STATE } from './scripted.ts'
import { PAY_TO, settingsOf } from './chains.ts'
import { decodeHeader } from './client.ts'

export type Json = Record<string, unknown>
export interface Offer {
  readonly headers: Record<string, string>
  readonly members: { readonly x402Version: number; readonly error: string; readonly accepts: Json[] }
  readonly v2: { readonly x402Version: number; readonly resource: Json; readonly accepts: Json[] }
}

export const privateKey = generatePrivateKey()
export const payer = privateKeyToAccount(privateKey).address.toLowerCase()
export const HASH = `0x${'ab'.repeat(32)}`
export const answer = (body: Json, status = 200): FacilitatorAnswer => ({ kind: 'answer', status, body })
export const lost = (sent: boolean): FacilitatorAnswer => ({ kind: 'lost', sent, why: 'broken', cause: new Error('no answer') })
export const VALID = answer({ isValid: true })
export const SETTLED = answer({ success: true, transaction: HASH })

export interface Made {
  readonly hooks: Hooks
  readonly asked: { readonly url: string; readonly step: string; readonly request: FacilitatorRequest; readonly deadlineMs: number }[]
  /** Answers by URL and step. */
  readonly answers: Record<string, FacilitatorAnswer>
}

export function made(yaml = ''): Made {
  const asked: Made['asked'] = []
  const answers: Made['answers'] = {}
  const facilitator = (url: string): Facilitator => {
    const ask = (step: string) => async (request: FacilitatorRequest, deadlineMs: number) => {
      asked.push({ url, step, request, deadlineMs })
      return answers[`${url} ${step}`] ?? (step === 'verify' ? VALID : SETTLED)
    }
    return { name: url, verify: ask('verify'), settle: ask('settle'), supported: async () => answer({ kinds: [] }), state: NO_STATE }
  }
  const clock = { nowMs: () => Date.now(), monotonicNs: () => 0 }
  const chance = { hex: (bytes: number) => 'ab'.repeat(bytes) }
  const tills = new Tills({ clock: clock as Clock, chance, origin: () => 'http://gateway.example', facilitator })
  const ports = { mode: 'sandbox', clock, upstreamTimeoutMs: 30_000, till: (settings: TillSettings) => tills.till(settings, 30_000) } as unknown as PluginPorts
  return { hooks: plugin.create(settingsOf(plugin as never, `pay_to: "${PAY_TO}"\n${yaml}`) as never, ports), asked, answers }
}

export const callWith = (headers: Readonly<Record<string, string>> = {}, kind = 'wallet'): Call =>
  ({
    resource: 'http://gateway.example/acme/search',
    consumer: { kind, id: `${kind}:x` },
    adapter: { title: 'Acme' },
    operation: { id: 'search', description: 'Looks things up – schön' },
    header: (name: string) => headers[name],
    get payment() {
      return undefined
    },
  }) as unknown as Call

export function offered({ hooks }: Made, price = 150_000n): Offer {
  const challenge = hooks.facts?.challenge?.(callWith())
  const { headers, members } = challenge?.(price as Usd, 'pay first') ?? { headers: {}, members: {} }
  return { headers, members: members as Offer['members'], v2: decodeHeader(headers['payment-required'] ?? '') as Offer['v2'] }
}

export function paymentOf({ hooks }: Made, headers: Readonly<Record<string, string>>): Payment {
  const payment = hooks.facts?.payment?.(callWith(headers))
  if (payment === undefined) throw new Error('the payment was not taken')
  return payment
}

/** `authorize` of a call whose `payment` fact is the plugin's own. */
export async function authorized({ hooks }: Made, headers: Readonly<Record<string, string>>): Promise<unknown> {
  const call = callWith(headers)
  Object.defineProperty(call, 'payment', { value: hooks.facts?.payment?.(call) })
  return hooks.authorize?.(call)
}

export async function settled(one: Made, payment: Payment, url: string, said: FacilitatorAnswer): Promise<Settlement> {
  one.answers[`${url} settle`] = said
  return (await one.hooks.settle?.(payment)) as Settlement
}
