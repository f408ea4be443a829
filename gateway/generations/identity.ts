/** A credential belongs to an owner's connection to one address: under the same name another owner's, or another address's, is another one. */
import type { Connection } from '#contract'

export class Identities {
  readonly #known = new Map<string, string>()
  readonly #of = new WeakMap<Connection, string>()

  /** By what its credential is known. Noted once for each connection of a generation, so that a call finds it by one look-up. */
  enter(connection: Connection): string {
    const { name, owner, adapter, baseUrl } = connection
    const identity = JSON.stringify([name, owner, adapter, baseUrl])
    const known = this.#known.get(identity) ?? `${name}#${this.#known.size + 1}`
    this.#known.set(identity, known)
    this.#of.set(connection, known)
    return known
  }

  of(connection: Connection): string {
    return this.#of.get(connection) ?? connection.name
  }
}
