/** What several workers find out for themselves is told to an owner once: a connection that one has paused is paused by the next one a moment later. */
import type { Notice, NoticeKind } from '#contract'

/** Kinds of which one follows the other; notices of other kinds are told once in a while in any case. */
const FOLLOWING: ReadonlySet<NoticeKind> = new Set<NoticeKind>(['connection-paused', 'connection-resumed'])

export class Repeated {
  /** Connection -> what was told last, by which worker. */
  readonly #last = new Map<string, { readonly kind: NoticeKind; readonly worker: number }>()

  isNew(worker: number, { kind, connection = '' }: Notice): boolean {
    if (!FOLLOWING.has(kind)) return true
    const last = this.#last.get(connection)
    if (last !== undefined && last.kind === kind && last.worker !== worker) return false
    this.#last.set(connection, { kind, worker })
    return true
  }

  /** Another one has its number now. */
  forget(worker: number): void {
    for (const [connection, last] of this.#last) if (last.worker === worker) this.#last.delete(connection)
  }
}
