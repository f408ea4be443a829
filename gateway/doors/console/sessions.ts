/**
 * Who is signed in: random ids in the memory of this process, bounded in number and time. Only the hash of an id is kept. Without an
 * admin token nobody signs in, and a session only holds what proves that a form came from a page of ours.
 */
import { randomBytes } from 'node:crypto'
import { sha256 } from '#contract'

export interface Flash {
  readonly good: boolean
  readonly text: string
}

export interface Session {
  /** 16 bytes. */
  readonly csrf: Buffer
  /** SHA-256 of the token that was shown: a session ends with it. */
  readonly tokenDigest: string
  readonly sinceMs: number
  seenMs: number
  /** Said once, on the next page. */
  flash: Flash | undefined
}

const MOST = 100
export const LONGEST_MS = 12 * 3_600_000
export const IDLE_MS = 2 * 3_600_000

export class Sessions {
  readonly #sessions = new Map<string, Session>()

  get size(): number {
    return this.#sessions.size
  }

  /** The oldest goes where there are too many. */
  open(tokenDigest: string, nowMs: number): { readonly id: string; readonly session: Session } {
    for (const [hash, session] of this.#sessions) if (isOver(session, nowMs)) this.#sessions.delete(hash)
    if (this.#sessions.size >= MOST) this.#sessions.delete(this.#sessions.keys().next().value as string)
    const id = randomBytes(32).toString('base64url')
    const session: Session = { csrf: randomBytes(16), tokenDigest, sinceMs: nowMs, seenMs: nowMs, flash: undefined }
    this.#sessions.set(sha256(id), session)
    return { id, session }
  }

  /** Of that token, and not over. */
  find(id: string, tokenDigest: string, nowMs: number): Session | undefined {
    const hash = sha256(id)
    const session = this.#sessions.get(hash)
    if (session === undefined) return undefined
    if (session.tokenDigest !== tokenDigest || isOver(session, nowMs)) {
      this.#sessions.delete(hash)
      return undefined
    }
    session.seenMs = nowMs
    // Last seen stands last.
    this.#sessions.delete(hash)
    this.#sessions.set(hash, session)
    return session
  }

  end(id: string): void {
    this.#sessions.delete(sha256(id))
  }
}

const isOver = ({ sinceMs, seenMs }: Session, nowMs: number): boolean => nowMs - sinceMs > LONGEST_MS || nowMs - seenMs > IDLE_MS

/** Other each time, so that a page that is compressed tells nothing of it. */
export function maskedCsrf({ csrf }: Session): string {
  const pad = randomBytes(csrf.length)
  return Buffer.concat([pad, xor(csrf, pad)]).toString('base64url')
}

/** Undefined where it is none. */
export function unmaskedCsrf(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64url')
  return bytes.length === 32 ? xor(bytes.subarray(16), bytes.subarray(0, 16)) : undefined
}

const xor = (a: Buffer, b: Buffer): Buffer => Buffer.from(a.map((byte, at) => byte ^ (b[at] as number)))
