/** Consumers of a market, honest ones and abusers, as plans: what each sends in each step of 5 s. */

import type { Hex } from './compile.ts'
import type { PipedRequest } from './pipes.ts'

export interface Plan {
  /** What kind of consumer. */
  readonly kind: string
  readonly address: string
  readonly keyId?: string
  /** Sent in this step; a client that leaves is not here. */
  sends(step: number): readonly PipedRequest[]
  /** Calls in this step that it leaves before their answer. */
  leaves?(step: number): number
  /** Pays the offer of its first request in this step. */
  readonly pays?: { readonly privateKey: Hex; readonly steps: readonly number[] }
}

export interface Given {
  readonly random: () => number
  /** Makes a key with credits. */
  key(credits: string): Promise<{ readonly id: string; readonly key: string }>
}

const SEARCH = '/acme/search'
export const HELD = '/acme/held'

export const STEP_MS = 5_000
export const STEPS = 36

type Header = Readonly<Record<string, string>>

const from = (address: string, more: Header = {}): Header => ({ 'x-forwarded-for': address, ...more })
const keyed = (address: string, key: string): Header => from(address, { authorization: `Bearer ${key}` })
const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, index) => make(index))
const word = (random: () => number): string => Math.floor(random() * 2 ** 48).toString(36)

// ------------------------------------------------------------------ abusers

/** Calls of each way until it is found, as the plugin states them. */
export const STATED = {
  'key-guessing': 60,
  'unpaid-probing': 600,
  'error-farming': 600,
  'scan for paths': 136,
  'walk through numbers': 131,
  abandoned: 45,
  'garbage for payments': 300,
  'forged payments': 60,
} as const

export type Way = keyof typeof STATED

/** Requests of one step, by way. The rates are their own: 120 guesses a minute, 1,200 unpaid calls, 60 paid ones. */
export async function abuser(way: Way, index: number, address: string, { random, key }: Given, forged: (index: number) => string): Promise<Plan> {
  let count = 0
  const each = (howMany: number, request: () => PipedRequest) => (): PipedRequest[] =>
    many(howMany, () => {
      count += 1
      return request()
    })
  const plan = (sends: Plan['sends']): Plan => ({ kind: way, address, sends })
  const search = (headers: Header, q: string | number): PipedRequest => ({ path: `${SEARCH}?q=${q}`, headers })
  switch (way) {
    case 'key-guessing':
      return plan(each(10, () => search(keyed(address, `atlas_${word(random)}`), 'x')))
    case 'unpaid-probing':
      return plan(each(100, () => search(from(address), count)))
    case 'error-farming':
      return plan(each(100, () => ({ path: `${SEARCH}?nothing=${count}`, headers: from(address) })))
    case 'scan for paths':
      return plan(each(17, () => ({ path: `/${word(random)}.php?x=${count}`, headers: from(address) })))
    case 'walk through numbers': {
      const made = await key('$1000')
      const start = 1_000_000 * (index + 1)
      return { ...plan(each(5, () => search(keyed(address, made.key), start + count))), keyId: made.id }
    }
    case 'abandoned': {
      const made = await key('$1000')
      return { ...plan(() => []), keyId: made.id, leaves: () => 5 }
    }
    case 'garbage for payments':
      return plan(each(50, () => search(from(address, { 'payment-signature': word(random) }), 'x')))
    case 'forged payments':
      return plan(each(6, () => search(from(address, { 'payment-signature': forged(index * 1_000 + count) }), 'x')))
  }
}

// ------------------------------------------------------------------ honest ones

interface Habits {
  /** Good calls. */
  readonly calls: number
  readonly typos?: number
  readonly mistakes?: number
  readonly left?: number
}

/** A key's holder at any time within the three minutes: a typing error in the key first, some wrong parameters, now and then gone. */
async function holder(kind: string, address: string, habits: Habits, { random, key }: Given): Promise<Plan> {
  const { id, key: secret } = await key('$50')
  const at = new Map<number, PipedRequest[]>()
  const add = (step: number, request: PipedRequest): void => void at.set(step, [...(at.get(step) ?? []), request])
  const begin = Math.floor(random() * 10)
  const some = (): number => begin + Math.floor(random() * (STEPS - begin))
  for (let count = 0; count < (habits.typos ?? 0); count += 1) add(begin, { path: `${SEARCH}?q=x`, headers: keyed(address, `${secret}x`) })
  for (let count = 0; count < (habits.mistakes ?? 0); count += 1) add(some(), { path: `${SEARCH}?query=${word(random)}`, headers: keyed(address, secret) })
  for (let count = 0; count < habits.calls; count += 1) add(some(), { path: `${SEARCH}?q=${word(random)}`, headers: keyed(address, secret) })
  const leaving = new Set(many(habits.left ?? 0, some))
  return { kind, address, keyId: id, sends: (step) => at.get(step) ?? [], leaves: (step) => (leaving.has(step) ? 1 : 0) }
}

const payer = (kind: string, address: string, privateKey: Hex, { random }: Given): Plan => {
  const steps = [Math.floor(random() * 15), 15 + Math.floor(random() * 15)]
  return {
    kind,
    address,
    sends: (step) => (steps.includes(step) ? [{ path: `${SEARCH}?q=${word(random)}`, headers: from(address) }] : []),
    pays: { privateKey, steps },
  }
}

/** Looks at prices, or for an API that is not there, and goes. */
const looker = (kind: string, address: string, most: number, path: () => string, { random }: Given): Plan => {
  const step = Math.floor(random() * STEPS)
  const howMany = 1 + Math.floor(random() * most)
  return { kind, address, sends: (now) => (now === step ? many(howMany, () => ({ path: path(), headers: from(address) })) : []) }
}

/** An agent whose trade it is to ask for many different things; a reader of pages; a new version that comes up with an old key; an empty balance. */
async function steady(kind: string, address: string, { random, key }: Given): Promise<Plan> {
  const { id, key: secret } = await key(kind === 'out of credits' ? '$0' : '$50')
  const headers = keyed(address, secret)
  const asks: Readonly<Record<string, (step: number) => PipedRequest[]>> = {
    'many addresses': () => many(5, () => ({ path: `${SEARCH}?q=0x${word(random)}${word(random)}`, headers })),
    'many pages': (step) => (step >= 5 && step < 25 ? many(2, (at) => ({ path: `${SEARCH}?q=whales&limit=${step * 2 + at}`, headers })) : []),
    'old key after a deployment': (step) => {
      if (step === 7) return many(25, () => ({ path: `${SEARCH}?q=x`, headers: keyed(address, `${secret}-old`) }))
      return step > 7 && step < 20 ? [{ path: `${SEARCH}?q=${word(random)}`, headers }] : []
    },
    'out of credits': (step) => (step % 2 === 0 ? many(2, () => ({ path: `${SEARCH}?q=x`, headers })) : []),
  }
  return { kind, address, keyId: id, sends: asks[kind] as Plan['sends'] }
}

/** 880 of them. */
export async function honestCrowd(given: Given, privateKey: (index: number) => Hex): Promise<Plan[]> {
  const { random } = given
  const own = (index: number): string => `198.18.${index >> 8}.${index & 255}`
  const maybe = (chance: number, most: number): number => (random() < chance ? 1 + Math.floor(random() * most) : 0)
  const habits = (): Habits => ({ calls: 2 + Math.floor(random() * 6), typos: maybe(0.3, 3), mistakes: maybe(0.2, 4), left: maybe(0.07, 1) })
  const unknown = (): string =>
    `/${['favicon.ico', 'robots.txt', 'v1/chat', 'graphql', 'acme/users', 'acme/search/all'][Math.floor(random() * 6)]}-${word(random)}`
  return Promise.all([
    ...many(400, (index) => holder('a key', own(index), habits(), given)),
    ...many(200, (index) => holder('a key behind one address with nineteen others', `192.0.2.${index % 10}`, habits(), given)),
    ...many(60, (index) =>
      payer(
        index % 2 === 0 ? 'a wallet' : 'a wallet behind one address',
        index % 2 === 0 ? own(1_000 + index) : `192.0.2.${100 + (index % 3)}`,
        privateKey(index),
        given,
      ),
    ),
    ...many(100, (index) => looker('looks at prices', own(2_000 + index), 15, () => `${SEARCH}?q=${word(random)}`, given)),
    ...many(40, (index) => looker('tries what is not there', own(3_000 + index), 15, unknown, given)),
    ...many(12, (index) => steady('many addresses', own(4_000 + index), given)),
    ...many(20, (index) => steady('many pages', own(5_000 + index), given)),
    ...many(20, (index) => steady('old key after a deployment', own(6_000 + index), given)),
    ...many(28, (index) => steady('out of credits', own(7_000 + index), given)),
  ])
}
