/**
 * What pages say is the same for everybody, so that the bytes are made once and kept until something that they show has changed.
 * Units are sold all the time: where readers ask so often that making pages would cost more than a little, what was made serves for a
 * second; the last units are told one by one whatever that costs. With a name for the bytes (ETag), so that who has them is told that
 * they are the same (RFC 9110 section 13.1.2), and compressed for those who take it.
 */
import { gzipSync } from 'node:zlib'
import { sha256 } from '#contract'
import type { Generation } from '../../engine/index.ts'
import type { Gateway } from '../../gateway.ts'
import type { Answer } from '../edge.ts'

const KEPT_NS = 1e9
/** So often pages are thrown away because of a sale; 20 times the 6 ms of the largest are an eighth of a second. */
const RENEWALS_A_SECOND = 20
/** So few are left that each may be the last at its price. */
const FEW_UNITS = 1_000
/** A page for each operation could be asked for; the one that was made first goes first. */
const MOST_PAGES = 64
/** Below this the fields of a compressed answer outweigh what it saves. */
const WORTH_BYTES = 512

/** What of a request decides about the bytes. */
export interface Wish {
  readonly acceptEncoding: string | undefined
  readonly ifNoneMatch: string | undefined
}

interface Kept {
  readonly madeAtNs: number
  readonly status: number
  readonly headers: readonly string[]
  readonly plain: Buffer
  /** Without quotes. */
  readonly tag: string
  zipped: Buffer | undefined
}

export class KeptPages {
  readonly #gateway: Gateway
  readonly #pages = new Map<string, Kept>()
  #generation: Generation | undefined
  #standing = ''
  /** Units and figures of quality. */
  #figures = ''
  #renewals = 0
  #secondBeganNs = 0

  constructor(gateway: Gateway) {
    this.#gateway = gateway
  }

  /** `name`: of the page, and of its form. `make` is asked where nothing is kept; undefined: there is no such page. */
  answer(name: string, wish: Wish, make: () => Answer | undefined): Answer | undefined {
    this.#forgetWhatChanged()
    const kept = this.#fresh(name) ?? this.#made(name, make)
    return kept === undefined ? undefined : told(kept, wish)
  }

  #fresh(name: string): Kept | undefined {
    const kept = this.#pages.get(name)
    return kept !== undefined && this.#nowNs() - kept.madeAtNs < KEPT_NS ? kept : undefined
  }

  #made(name: string, make: () => Answer | undefined): Kept | undefined {
    const answer = make()
    if (answer === undefined) return undefined
    const plain = Buffer.from(answer.body)
    const tag = sha256(plain).slice(0, 32)
    const before = this.#pages.get(name)
    const zipped = before?.tag === tag ? before.zipped : undefined
    const kept = { madeAtNs: this.#nowNs(), status: answer.status, headers: answer.headers, plain, tag, zipped }
    this.#pages.delete(name)
    for (const oldest of this.#pages.keys()) {
      if (this.#pages.size < MOST_PAGES) break
      this.#pages.delete(oldest)
    }
    this.#pages.set(name, kept)
    return kept
  }

  #forgetWhatChanged(): void {
    const { engine, ground, quality } = this.#gateway
    const { generation } = engine
    const { stock } = ground.store
    let standing = ground.origin
    let figures = `${quality.changes}`
    for (const { connections } of generation.routes) {
      for (const { name } of connections) {
        const left = stock.left(name)
        standing += stock.enabled(name) ? `+${Math.min(left, FEW_UNITS)}` : '-'
        figures += ` ${left}`
      }
    }
    if (generation === this.#generation && standing === this.#standing && (figures === this.#figures || !this.#mayRenew())) return
    this.#generation = generation
    this.#standing = standing
    this.#figures = figures
    this.#pages.clear()
  }

  #mayRenew(): boolean {
    const nowNs = this.#nowNs()
    if (nowNs - this.#secondBeganNs >= KEPT_NS) {
      this.#secondBeganNs = nowNs
      this.#renewals = 0
    }
    this.#renewals += 1
    return this.#renewals <= RENEWALS_A_SECOND
  }

  #nowNs(): number {
    return this.#gateway.ground.clock.monotonicNs()
  }
}

function told(kept: Kept, { acceptEncoding, ifNoneMatch }: Wish): Answer {
  const zips = kept.plain.length >= WORTH_BYTES && takesGzip(acceptEncoding)
  // Other bytes have another name (RFC 9110 section 8.8.3.3).
  const tag = zips ? `"${kept.tag}-gzip"` : `"${kept.tag}"`
  const headers = [...kept.headers, 'etag', tag]
  if (hasIt(ifNoneMatch, tag)) return { status: 304, headers, body: '' }
  if (!zips) return { status: kept.status, headers, body: kept.plain }
  kept.zipped ??= gzipSync(kept.plain)
  return { status: kept.status, headers: [...headers, 'content-encoding', 'gzip'], body: kept.zipped }
}

/** RFC 9110 section 12.5.3: what is named with a weight of nothing is not wanted. */
function takesGzip(accepted = ''): boolean {
  for (const one of accepted.toLowerCase().split(',')) {
    const [, coding = '', weight = '1'] = /^\s*([^\s;]+)\s*(?:;\s*q=([\d.]+))?\s*$/.exec(one) ?? []
    if (coding === 'gzip' || coding === 'x-gzip') return /[1-9]/.test(weight)
  }
  return false
}

/** Compared without regard to strength, as RFC 9110 section 13.1.2 asks. */
const hasIt = (shown: string | undefined, tag: string): boolean =>
  shown?.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === tag) ?? false
