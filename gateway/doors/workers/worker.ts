/** A worker: serves consumers until it is told to stop, and tells the process that started it what that one cannot see. */
import cluster from 'node:cluster'
import type { Log, Suspect } from '#contract'
import type { Gateway } from '../../gateway.ts'
import { load, openVault, sentenceOf } from '../cli/context.ts'
import { logOf } from '../cli/log.ts'
import { systemAlarm } from '../../ground/index.ts'
import { liveOf } from '../live.ts'
import { figuresOf } from '../metrics/figures.ts'
import { recentOf } from '../recent-calls.ts'
import type { Loading, Ready } from '../reload/index.ts'
import { type Running, startDoors } from '../start.ts'
import type { Answers, Begin, FromWorker, Standing, ToWorker } from './messages.ts'

const MOST_SUSPECTS = 1_000
/** For the answers under way where nobody is left who could say how long. */
const ORPHAN_GRACE_MS = 10_000

const say = (message: FromWorker): void => {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

/** Never returns before the worker serves. Ends the process by itself. */
export async function work(file: string | undefined): Promise<void> {
  const life = new Life()
  const begin = await life.begun()
  try {
    const log = logOf({ worker: begin.number })
    life.log = log
    const { port } = begin
    const { config, secrets } = await load(file, openVault, { text: begin.text, port })
    if (config === undefined) throw new Error('the configuration that the gateway was started with does not load any more')
    const worker = {
      ...{ number: begin.number, ledgerId: begin.ledgerId, ledgerFailed: () => life.ledgerFailed },
      tell: (notice: Parameters<Gateway['ground']['notices']['tell']>[0]) => say({ kind: 'notice', notice }),
    }
    const loading: Loading = ({ text = begin.text }) => load(file, openVault, { text, port })
    life.serves(await startDoors(config, secrets, log, { worker, alarm: systemAlarm, load: loading }))
  } catch (error) {
    const why = sentenceOf(error) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.send?.({ kind: 'failed', why } satisfies FromWorker, undefined, undefined, () => process.exit(1))
  }
}

class Life {
  log: Log | undefined
  #running: Running | undefined
  /** A configuration that is taken as soon as the others can. */
  #ready: Ready | undefined
  #stopping = false
  #signalled = false
  #begin: (begin: Begin) => void = () => undefined
  ledgerFailed: Error | undefined

  constructor() {
    process.on('message', (message: ToWorker) => this.#hear(message))
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.#signal())
    // Said to all processes of a terminal; what it means is for the one that starts workers.
    process.on('SIGHUP', () => undefined)
    cluster.worker?.on('disconnect', () => this.#orphaned())
  }

  begun(): Promise<Begin> {
    return new Promise((resolve) => {
      this.#begin = resolve
      say({ kind: 'hello' })
    })
  }

  serves(running: Running): void {
    this.#running = running
    say({ kind: 'serves', url: running.publicUrl })
  }

  #hear(message: ToWorker): void {
    if (message.kind === 'begin') {
      this.ledgerFailed = failureOf(message.ledgerFailed)
      this.#begin(message)
    } else if (message.kind === 'ledger') this.ledgerFailed = failureOf(message.failed)
    else if (message.kind === 'stop') this.#stop(message.graceMs, 0)
    else if (message.kind === 'take') this.#take()
    else if (message.kind === 'drop') void this.#drop()
    else if (message.kind === 'ask' && this.#running !== undefined) void this.#answer(message, this.#running)
  }

  async #answer({ id, what, of }: Extract<ToWorker, { kind: 'ask' }>, running: Running): Promise<void> {
    say({ kind: 'answer', id, answer: what === 'prepare' ? await this.#prepare(of) : answerTo(running.gateway, what, of) })
  }

  /** What stood ready before does so no more. */
  async #prepare(text: string): Promise<readonly string[]> {
    await this.#drop()
    const ready = await this.#running?.reloader?.prepare(text)
    if (ready === undefined || 'problems' in ready) return ready?.problems ?? []
    this.#ready = ready
    return []
  }

  #take(): void {
    const ready = this.#ready
    this.#ready = undefined
    if (ready === undefined) return
    this.#running?.reloader?.take(ready)
    this.log?.info({ generation: ready.prepared.generation.number }, 'a changed configuration is in use')
  }

  async #drop(): Promise<void> {
    const ready = this.#ready
    this.#ready = undefined
    if (ready !== undefined) await this.#running?.reloader?.drop(ready)
  }

  /** A terminal and a service manager send it to all processes at once, beside what the first one says. */
  #signal(): void {
    if (this.#signalled) process.exit(1)
    this.#signalled = true
    this.#stop(ORPHAN_GRACE_MS, 0)
  }

  /** The calls that it has are answered; for new ones there is nobody who would hand them out. */
  #orphaned(): void {
    const { worker } = cluster
    // Else node:cluster ends the process at once.
    if (worker !== undefined) worker.exitedAfterDisconnect = true
    if (this.#stopping) return
    this.log?.error({}, 'the process that started this worker is gone; the calls under way are ended')
    this.#stop(ORPHAN_GRACE_MS, 1)
  }

  #stop(graceMs: number, exitStatus: number): void {
    if (this.#stopping) return
    this.#stopping = true
    // Nothing was served yet, and nothing is held.
    if (this.#running === undefined) process.exit(exitStatus)
    this.#running.close(graceMs).then(
      () => process.exit(exitStatus),
      (error: unknown) => {
        this.log?.error({ error: String(error) }, 'the stop of a worker was not clean')
        process.exit(1)
      },
    )
  }
}

const failureOf = (text: string | undefined): Error | undefined => (text === undefined ? undefined : new Error(text))

function answerTo(gateway: Gateway, what: Exclude<keyof Answers, 'prepare'>, of: string): Answers[keyof Answers] {
  const { ground, health } = gateway
  switch (what) {
    case 'lost':
      return ground.lost()
    case 'figures':
      return figuresOf(gateway)
    case 'standings':
      return Object.fromEntries(ground.config.connections.map(({ name }) => [name, standingOf(gateway, name)]))
    case 'finished':
      return recentOf(gateway.engine).take()
    case 'suspects':
      return ground.meters.suspects(Number(of)).slice(0, MOST_SUSPECTS) as readonly Suspect[]
    case 'forget':
      return ground.meters.forget(of)
    case 'resume':
      health.resume(of)
      return true
    case 'vault':
      gateway.lookAtVault()
      return true
  }
}

const standingOf = (gateway: Gateway, name: string): Standing => {
  const live = liveOf(gateway)
  return { health: live.health(name), calls: gateway.quality.calls(name), ...live.quality(name) }
}
