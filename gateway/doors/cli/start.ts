/** `atlas start`: the gateway until a signal ends it. */
import { dollars, usd } from '#contract'
import { formatComplaint } from '../../../config/complaints.ts'
import type { GatewayConfig } from '../../../config/model.ts'
import { type CatalogueApi, type CatalogueOperation, catalogueOf } from '../discovery/catalogue.ts'
import { curlParts } from '../discovery/examples.ts'
import { systemAlarm } from '../../ground/index.ts'
import { type Running, startDoors } from '../index.ts'
import type { Loading } from '../reload/index.ts'
import { FileWatch } from '../reload/watch.ts'
import { collectWhileServing } from './collecting.ts'
import { load, loadGood, openVault } from './context.ts'
import { logOf } from './log.ts'
import type { Refresh } from './program.ts'

const GRACE_MS = 10_000
const PLAY_CREDITS = usd('$10')
const PLAY_NOTE = 'play key of a start'

export async function start(options: { readonly config?: string; readonly json?: boolean }, refresh: Refresh | undefined): Promise<void> {
  const { config, secrets, warnings } = await loadGood(options.config, openVault)
  for (const warning of warnings) process.stderr.write(`warning: ${formatComplaint(warning)}\n`)
  const log = logOf(null)
  // With workers it is they who ask providers.
  const starting = config.workers === 1 ? { alarm: systemAlarm } : { workers: await (await import('../workers/crew.ts')).crewOf(config, log) }
  const running = await startDoors(config, secrets, log, { ...starting, load: loadingOf(config, refresh) })
  stopOnSignals(running, reloadOnChange(running))
  collectWhileServing()
  const readyMs = Math.round(process.uptime() * 1000)
  const { publicUrl, adminUrl } = running
  if (options.json === true) {
    const key = config.mode === 'sandbox' ? await playKey(running) : null
    const value = { mode: config.mode, public_url: publicUrl, admin_url: adminUrl, ready_ms: readyMs, workers: config.workers, play_key: key }
    process.stdout.write(`${JSON.stringify(value)}\n`)
  } else {
    const by = config.workers === 1 ? '' : ` with ${config.workers} workers`
    process.stdout.write(`atlas (${config.mode}) serves consumers on ${publicUrl} and the operator on ${adminUrl}, ready in ${readyMs} ms${by}\n`)
    if (config.mode === 'sandbox') await handOutPlayKey(running)
  }
  await running.gateway.ground.vault.prepareKey().catch((error: unknown) => log.warn({}, `the vault has no master key: ${String(error)}`))
}

/** The last start's key ends. */
async function playKey({ office }: Running): Promise<string> {
  await office.keys.revokeByNote(PLAY_NOTE)
  return (await office.keys.create({ credits: PLAY_CREDITS, note: PLAY_NOTE }, 'gateway')).key
}

/** Shown with two commands to paste. */
async function handOutPlayKey(running: Running): Promise<void> {
  const { gateway } = running
  const key = await playKey(running)
  const shown = cheapest(catalogueOf(gateway).apis)
  if (shown === undefined) return void process.stdout.write(`play key (${dollars(PLAY_CREDITS)}): ${key}\nno operation is on sale\n`)
  const call = curlParts(gateway.ground.origin, shown).join(' ')
  process.stdout.write(
    `\nplay key (${dollars(PLAY_CREDITS)} of play money): ${key}\n\na paid call ($${shown.price}):\n  ${call} -H 'Authorization: Bearer ${key}'\n\nan unpaid call, answered 402 with the offer:\n  ${call}\n`,
  )
}

function cheapest(apis: readonly CatalogueApi[]): CatalogueOperation | undefined {
  const all = apis.flatMap(({ operations }) => operations).filter(({ sold_out }) => !sold_out)
  return all.find(({ id }) => id.endsWith('current-balance')) ?? all.sort((a, b) => (usd(a.price) < usd(b.price) ? -1 : 1))[0]
}

/** As at the start, with what was dropped into the house since. */
const loadingOf =
  ({ file, folder }: GatewayConfig, refresh: Refresh | undefined): Loading =>
  async (asked) => {
    await refresh?.()
    return load(asked.file ?? file, openVault, { folder, ...(asked.text === undefined ? {} : { text: asked.text }) })
  }

/** When the file changes, and at SIGHUP. Returns what ends the watch. */
function reloadOnChange({ reloader, gateway }: Running): () => void {
  const { log, config } = gateway.ground
  const failed = (error: unknown): void =>
    log.error({ error: error instanceof Error ? error.stack : String(error) }, 'a reload failed; what served before serves on')
  process.on('SIGHUP', () => void reloader?.reload('SIGHUP').catch(failed))
  const changed = (): void => void reloader?.changed().catch(failed)
  const watch = new FileWatch({ file: config.file, changed })
  // What changed while the gateway started.
  changed()
  return () => watch.close()
}

function stopOnSignals(running: Running, endWatch: () => void): void {
  let stopping = false
  const stop = (): void => {
    if (stopping) process.exit(1)
    stopping = true
    endWatch()
    running.close(GRACE_MS).then(
      () => process.exit(0),
      (error) => {
        process.stderr.write(`atlas: the stop was not clean: ${error}\n`)
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}
