/** Who may ask on the admin port: whoever shows the token, or, where there is none, this machine under its own names and no page from elsewhere. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { isLoopback } from '#contract'
import type { DoorRequest } from './wire.ts'

export interface Refused {
  readonly status: number
  readonly error: string
}

const OWN_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i

export class Guard {
  readonly #token: () => string | undefined
  /** Of the pages that are served here. */
  readonly scheme: 'http' | 'https'

  constructor(token: () => string | undefined, scheme: 'http' | 'https') {
    this.#token = token
    this.scheme = scheme
  }

  /** There is one, and it was not shown. */
  get needsToken(): boolean {
    return this.#token() !== undefined
  }

  /** Tells one token from another without being one; changes with it. */
  get tokenDigest(): string {
    return digestOf(this.#token() ?? '').toString('base64url')
  }

  isToken(shown: string): boolean {
    const token = this.#token()
    return token !== undefined && sameText(shown, token)
  }

  /** Of a program, which shows the token with each request. */
  refused(request: DoorRequest): Refused | undefined {
    if (!this.needsToken) return this.stranger(request)
    const shown = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    return this.isToken(shown) ? undefined : { status: 401, error: 'the admin token is missing or wrong' }
  }

  /** Without a token: whoever is not on this machine, or comes by another name (DNS rebinding), or from a page of somebody else. */
  stranger(request: DoorRequest): Refused | undefined {
    if (!isLoopback(request.socket.remoteAddress ?? '')) return { status: 403, error: 'without admin.token only this machine is served' }
    if (!OWN_HOST.test(request.headers.host ?? '')) return { status: 403, error: 'without admin.token the Host must be localhost or 127.0.0.1' }
    return this.isOwnOrigin(request) ? undefined : { status: 403, error: 'without admin.token no page from elsewhere is served' }
  }

  /** Without an Origin, too: programs send none. */
  isOwnOrigin({ headers: { origin, host } }: DoorRequest): boolean {
    return origin === undefined || origin === `${this.scheme}://${host}`
  }
}

const digestOf = (value: string): Buffer => createHash('sha256').update(value).digest()

/** In constant time, whatever the lengths. */
const sameText = (a: string, b: string): boolean => timingSafeEqual(digestOf(a), digestOf(b))
