/**
 * The one place where a provider's credential lives while the gateway runs, as bytes outside of the heap. Nothing here prints,
 * lists or returns one: `place` writes it into a request that is about to be sent, and only that line makes it a string.
 */
import type { AnswerScan, CredentialPlace } from '#contract'
import { Scanner, type Sought } from './scanner.ts'
import { Seeker } from './seeker.ts'
import { spellingsOf } from './spellings.ts'

/** The last form of a request before the socket. */
export interface Outgoing {
  /** Path and query at the provider, base included. */
  path: string
  /** Flat list: name, value, name, value. */
  readonly headers: string[]
}

interface Kept extends Sought {
  secret: Buffer
  /** performance.now() */
  previousUntilMs: number
}

const KEPT_MS = 30_000
/** Where in a path the credential goes when it is not the first segment after the base. */
const PLACEHOLDER = '{credential}'

export class Credentials {
  readonly #kept = new Map<string, Kept>()
  #previousForMs = KEPT_MS

  /** How long a replaced credential may still turn up in answers: as long as a call may take. */
  set previousForMs(ms: number) {
    this.#previousForMs = ms
  }

  /**
   * Replaces what is known of these connections; others keep theirs (a reload must not lose a running call's).
   * Bytes are text in UTF-8, and stay the caller's. Returns those whose credential is too short to be looked for in answers.
   */
  set(secrets: ReadonlyMap<string, string | Uint8Array>): readonly string[] {
    const short: string[] = []
    for (const [connection, secret] of secrets) if (!this.#keep(connection, bytesOf(secret))) short.push(connection)
    return short
  }

  #keep(connection: string, secret: Buffer): boolean {
    const kept = this.#kept.get(connection)
    if (kept === undefined) {
      const spellings = spellingsOf(secret)
      this.#kept.set(connection, { secret, current: seekerOf(spellings), previous: undefined, previousUntilMs: 0 })
      return spellings.length > 0
    }
    if (!kept.secret.equals(secret)) {
      kept.secret.fill(0)
      kept.secret = secret
      kept.previous = kept.current
      kept.previousUntilMs = performance.now() + this.#previousForMs
      kept.current = seekerOf(spellingsOf(secret))
    } else secret.fill(0)
    return kept.current !== undefined
  }

  /** Whose calls are over. */
  forget(connection: string): void {
    this.#kept.get(connection)?.secret.fill(0)
    this.#kept.delete(connection)
  }

  has(connection: string): boolean {
    return this.#kept.has(connection)
  }

  /**
   * Returns what looks for the credential in the answer; undefined where none was placed.
   * @throws Error when the connection has no credential and its place needs one
   */
  place(connection: string, where: CredentialPlace, request: Outgoing, basePath: string): AnswerScan | undefined {
    if (where.in === 'none') return undefined
    const kept = this.#kept.get(connection)
    if (kept === undefined) throw new Error(`connection ${connection} has no credential`)
    write(kept.secret.toString(), where, request, basePath)
    if (kept.previous !== undefined && performance.now() > kept.previousUntilMs) kept.previous = undefined
    return kept.current === undefined && kept.previous === undefined ? undefined : new Scanner(kept)
  }
}

const seekerOf = (spellings: ReturnType<typeof spellingsOf>): Seeker | undefined => (spellings.length === 0 ? undefined : new Seeker(spellings))

/** A copy in memory of its own: not in the pool that other buffers come from. */
function bytesOf(secret: string | Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafeSlow(typeof secret === 'string' ? Buffer.byteLength(secret) : secret.length)
  if (typeof secret === 'string') bytes.write(secret)
  else bytes.set(secret)
  return bytes
}

function write(secret: string, where: Exclude<CredentialPlace, { in: 'none' }>, request: Outgoing, basePath: string): void {
  switch (where.in) {
    case 'header':
      request.headers.push(where.name, secret)
      return
    case 'bearer':
      request.headers.push('authorization', `Bearer ${secret}`)
      return
    case 'basic':
      request.headers.push('authorization', `Basic ${Buffer.from(secret).toString('base64')}`)
      return
    case 'query':
      request.path += `${request.path.includes('?') ? '&' : '?'}${encodeURIComponent(where.name)}=${encodeURIComponent(secret)}`
      return
    case 'path': {
      // Raw only where a file of ours wrote it: what comes from a consumer is percent-encoded.
      const at = request.path.indexOf(PLACEHOLDER, basePath.length)
      if (at !== -1) request.path = request.path.slice(0, at) + encodeURIComponent(secret) + request.path.slice(at + PLACEHOLDER.length)
      else request.path = `${basePath}/${encodeURIComponent(secret)}${request.path.slice(basePath.length)}`
    }
  }
}
