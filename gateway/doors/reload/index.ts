/**
 * A changed configuration is taken while calls run: loaded and checked, built whole beside the one that serves, and then taken in one move, or refused with every
 * complaint while the old one keeps serving. `watch.ts` says when the file has changed.
 */
import { readFile } from 'node:fs/promises'
import { messageOf, sha256 } from '#contract'
import { formatComplaint } from '../../../config/complaints.ts'
import type { Loaded } from '../../../config/load.ts'
import { type Difference, differenceOf } from '../../generations/difference.ts'
import { clear, forget, type Prepared } from '../../generations/index.ts'
import { redacted } from '../../generations/redaction.ts'
import { restartComplaints } from '../../generations/restart.ts'
import type { Gateway } from '../../gateway.ts'

/** Loads the file of the gateway, or a text as if it stood there; `file` is how complaints call it. Never throws for what a file holds. */
export type Loading = (asked: { readonly text?: string; readonly file?: string }) => Promise<Loaded>

/** Other processes that serve the same configuration: all take it, or none. */
export interface Fellows {
  /** Their complaints; none: all of them are ready. */
  prepare(text: string): Promise<readonly string[]>
  take(): void
  drop(): void
}

export interface ReloadParts {
  readonly gateway: Gateway
  readonly load: Loading
  /** With all that stands in front of the gateway. */
  take(prepared: Prepared): void
  readonly fellows?: Fellows | undefined
  /** What texts may refer to. */
  readonly env: Readonly<Record<string, string | undefined>>
}

export type Reloaded =
  | { readonly taken: true; readonly generation: number; readonly changes: Difference['changes']; readonly warnings: readonly string[] }
  | { readonly taken: false; readonly problems: readonly string[] }

export interface Ready {
  readonly prepared: Prepared
  readonly changes: Difference['changes']
  readonly warnings: readonly string[]
}

type Refused = Extract<Reloaded, { taken: false }>

export class Reloader {
  readonly #parts: ReloadParts
  #last: Promise<unknown> = Promise.resolve()
  /** Of the text that was looked at last, taken or not. */
  #seen: string
  #closed = false

  constructor(parts: ReloadParts) {
    this.#parts = parts
    this.#seen = parts.gateway.ground.config.digest
  }

  /** One after the other. `by`: who wants it, for the log. */
  reload(by: string): Promise<Reloaded> {
    return this.#queued(() => this.#reload(by))
  }

  /** The file may have changed: what was looked at already is not looked at again. */
  changed(): Promise<Reloaded | undefined> {
    return this.#queued(async () => {
      const text = await this.#text()
      return text === undefined || sha256(text) === this.#seen ? undefined : this.#reload('the file was changed')
    })
  }

  /** What a reload would change, of this text in place of the file. */
  async diff(text: string, file: string): Promise<(Difference & { readonly warnings: readonly string[] }) | Refused> {
    const { config, secrets, problems, warnings } = await this.#parts.load({ text, file })
    clear(secrets)
    if (config === undefined) return { taken: false, problems: problems.map(formatComplaint) }
    forget(config)
    const { changes, ...more } = differenceOf(this.#parts.gateway.ground.config, config)
    return { ...more, changes: redacted(changes, text, this.#parts.env), warnings: warnings.map(formatComplaint) }
  }

  /** Resolves when no reload is under way any more; none begins afterwards. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#last
  }

  /** Loaded, checked and built; nobody sees anything of it. */
  async prepare(text: string | undefined): Promise<Ready | Refused> {
    const { gateway, load } = this.#parts
    const present = gateway.ground.config
    try {
      const { config, secrets, problems, warnings } = await load(text === undefined ? {} : { text })
      if (config === undefined) return refused(problems.map(formatComplaint))
      const foundations = restartComplaints(present, config, text ?? '')
      if (foundations.length > 0) {
        clear(secrets)
        forget(config)
        return refused(foundations.map(formatComplaint))
      }
      const prepared = await gateway.prepare({ config, secrets })
      const changes = redacted(differenceOf(present, config).changes, text ?? '', this.#parts.env)
      return { prepared, changes, warnings: warnings.map(formatComplaint) }
    } catch (error) {
      return refused([`${present.file}:1:1: ${messageOf(error)}`])
    }
  }

  take({ prepared }: Ready): void {
    this.#parts.take(prepared)
  }

  async drop({ prepared }: Ready): Promise<void> {
    await this.#parts.gateway.drop(prepared)
  }

  async #reload(by: string): Promise<Reloaded> {
    const { gateway } = this.#parts
    const { log } = gateway.ground
    const text = await this.#text()
    if (text !== undefined) this.#seen = sha256(text)
    const ready = this.#closed ? refused([`${gateway.ground.config.file}:1:1: the gateway is stopping`]) : await this.#ready(text)
    if ('problems' in ready) {
      for (const problem of ready.problems) log.error({ by }, problem)
      log.error({ by, problems: ready.problems.length }, 'the changed configuration was refused; the one before keeps serving')
      return ready
    }
    this.#parts.fellows?.take()
    this.take(ready)
    const { prepared, changes, warnings } = ready
    const { number: generation } = prepared.generation
    for (const warning of warnings) log.warn({ by }, warning)
    log.info({ by, generation, changes: changes.length }, 'a changed configuration is in use')
    return { taken: true, generation, changes, warnings }
  }

  /** Here and with all the others. */
  async #ready(text: string | undefined): Promise<Ready | Refused> {
    const { fellows } = this.#parts
    const ready = await this.prepare(text)
    if ('problems' in ready || fellows === undefined || text === undefined) return ready
    const problems = await fellows.prepare(text)
    if (problems.length === 0) return ready
    fellows.drop()
    await this.drop(ready)
    return refused(problems)
  }

  /** Undefined where it cannot be read: whoever loads it says why. */
  #text(): Promise<string | undefined> {
    return readFile(this.#parts.gateway.ground.config.file, 'utf8').catch(() => undefined)
  }

  #queued<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }
}

const refused = (problems: readonly string[]): Refused => ({ taken: false, problems: [...new Set(problems)] })
