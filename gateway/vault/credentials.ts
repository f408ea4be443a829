/**
 * The one place where a provider's credential lives while the gateway runs. Nothing here prints, lists or returns one:
 * `place` writes it into a request that is about to be sent, and that is the only line that reads it.
 */
import type { CredentialPlace } from '#contract'

/** The last form of a request before the socket. */
export interface Outgoing {
  /** Path and query at the provider, base included. */
  path: string
  /** Flat list: name, value, name, value. */
  readonly headers: string[]
}

export class Credentials {
  readonly #secrets = new Map<string, string>()

  /** Replaces what is known of these connections; others keep theirs (a reload must not lose a running call's). */
  set(secrets: ReadonlyMap<string, string>): void {
    for (const [connection, secret] of secrets) this.#secrets.set(connection, secret)
  }

  has(connection: string): boolean {
    return this.#secrets.has(connection)
  }

  /** @throws Error when the connection has no credential and its place needs one */
  place(connection: string, where: CredentialPlace, request: Outgoing, basePath: string): void {
    if (where.in === 'none') return
    const secret = this.#secrets.get(connection)
    if (secret === undefined) throw new Error(`connection ${connection} has no credential`)
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
      case 'path':
        request.path = `${basePath}/${encodeURIComponent(secret)}${request.path.slice(basePath.length)}`
    }
  }
}
