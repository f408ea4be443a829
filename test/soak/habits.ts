/** What consumers of a soak do, and how often: seeded, so that the same seed asks the same things in the same order. */
import type { Asked, Spender } from './calls.ts'
import { UNITS } from './shop.ts'

export interface Habit {
  readonly kind: string
  /** Of a thousand. */
  readonly share: number
}

/** Calls that one request is; `wallets.ts` has those that take more than one, `pages` are for whoever reads. */
export const HABITS: readonly Habit[] = [
  { kind: 'search', share: 300 },
  { kind: 'write', share: 110 },
  { kind: 'replay', share: 60 },
  { kind: 'twins', share: 20 },
  { kind: 'scarce', share: 40 },
  { kind: 'pool', share: 110 },
  { kind: 'own', share: 70 },
  { kind: 'feed', share: 40 },
  { kind: 'big', share: 15 },
  { kind: 'paced', share: 10 },
  { kind: 'poor', share: 10 },
  { kind: 'bought', share: 15 },
  { kind: 'leaver', share: 40 },
  { kind: 'refused', share: 80 },
  { kind: 'page', share: 50 },
  { kind: 'mcp', share: 15 },
  { kind: 'wallet', share: 28 },
  { kind: 'purchase', share: 2 },
]

const ALL = HABITS.reduce((sum, { share }) => sum + share, 0)

export function habitOf(random: () => number): string {
  let left = random() * ALL
  for (const { kind, share } of HABITS) {
    left -= share
    if (left < 0) return kind
  }
  return 'search'
}

export interface People {
  /** Those with credits. */
  readonly rich: readonly Spender[]
  readonly poor: Spender
  /** Those who have bought a little. */
  readonly buyers: Spender[]
  readonly owner: Spender
  /** Goes before it is answered, again and again, which abuse detection may mind. */
  readonly leaver: Spender
  /** Asks for what cannot be asked. */
  readonly clumsy: Spender
}

/** Unlike the one before, so that nobody seems to walk through numbers. */
export const scattered = (number: number): string =>
  Math.imul(number + 1, 2_654_435_761)
    .toString(36)
    .replace('-', 'n')
/** An address of its own for each number. */
export const addressOf = (number: number): string =>
  `0x${(Math.imul(number + 1, 2_654_435_761) >>> 0).toString(16).padStart(8, '0')}${'1f'.repeat(12)}${(number >>> 0).toString(16).padStart(8, '0')}`
export const NANSEN_CALL = '/nansen/profiler/address/current-balance'
export const nansenBody = (number: number): string => JSON.stringify({ address: addressOf(number), chain: 'ethereum' })

const NONE = { body: undefined, name: undefined, headers: {}, leavesAfterMs: undefined }
const PAGES = ['/', '/catalog', '/openapi.json', '/llms.txt', '/.well-known/x402', '/.well-known/jwks.json', '/healthz'] as const

interface Refused {
  readonly expected: number
  readonly method?: string
  readonly path: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly keyless?: boolean
}

const REFUSED: readonly Refused[] = [
  { expected: 402, path: '/plenty/search?q=unpaid', keyless: true },
  { expected: 401, path: '/plenty/search?q=guessed', keyless: true, headers: { authorization: `Bearer atlas_${'x'.repeat(43)}` } },
  { expected: 400, path: '/plenty/search?unknown=1' },
  { expected: 404, path: '/plenty/nothing' },
  { expected: 404, path: '/nobody/search' },
  { expected: 405, path: '/plenty/search', method: 'PUT', body: '{}' },
  { expected: 400, path: '/plenty/write', method: 'POST', body: '{"text":' },
  { expected: 413, path: '/plenty/write', method: 'POST', body: `{"text":"${'x'.repeat(1_100_000)}"}` },
  { expected: 402, path: '/plenty/search?q=cheap', headers: { 'x-atlas-max-price': '$0.000001' } },
]

/** The request for a habit of one request. */
export function askedOf(kind: string, number: number, { rich, poor, buyers, owner, leaver, clumsy }: People, random: () => number): Asked {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T
  const spender = pick(rich)
  const named = random() < 0.6 ? `the call with number ${number}` : undefined
  const search = (api: string, by: Spender, name: string | undefined, at = 'search'): Asked => ({
    ...{ ...NONE, number, kind, spender: by, method: 'GET', path: `/${api}/${at}?q=${scattered(number)}`, name, units: UNITS[at as 'search'] },
  })
  const write = (by: Spender, name: string | undefined): Asked => ({
    ...{ ...NONE, number, kind, spender: by, method: 'POST', path: '/plenty/write', body: `{"text":"${scattered(number)}"}`, name, units: UNITS.write },
  })
  switch (kind) {
    case 'write':
      return write(spender, named)
    case 'twins':
      return random() < 0.5 ? write(spender, `the twins ${number}`) : search('plenty', spender, `the twins ${number}`)
    case 'scarce':
      return search('scarce', random() < 0.1 ? owner : spender, named)
    case 'pool':
      return { ...NONE, number, kind, spender, method: 'POST', path: NANSEN_CALL, body: nansenBody(number), name: named, units: 1 }
    case 'own':
      return random() < 0.3 ? write(owner, undefined) : search('plenty', owner, undefined)
    case 'feed':
    case 'big':
    case 'paced':
      return search('plenty', spender, undefined, kind)
    case 'poor':
      return search('plenty', poor, named)
    case 'bought':
      return search('plenty', buyers.length === 0 ? spender : pick(buyers), named)
    case 'leaver':
      return { ...search('plenty', leaver, undefined, pick(['search', 'feed', 'big', 'feed'])), leavesAfterMs: Math.floor(random() ** 2 * 90) }
    case 'refused': {
      const { expected, method = 'GET', path, body, headers = {}, keyless = false } = pick(REFUSED)
      const key = keyless ? undefined : clumsy
      return { ...NONE, number, kind: `refused ${expected}`, spender: key, method, path, body, headers, units: 0 }
    }
    case 'page':
      return { ...NONE, number, kind, spender: undefined, method: 'GET', path: pick(PAGES), units: 0 }
    default:
      return search('plenty', spender, named)
  }
}
