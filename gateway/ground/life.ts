/** What the audit log says of a gateway by itself: its start, its stop, and which configuration it took. */
import { readFileSync } from 'node:fs'
import type { AuditLine } from '#contract'
import type { Ground } from './parts.ts'

/** Of the product. */
export function versionOf(): string {
  try {
    // Beside dist/, from which this runs.
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
    return version
  } catch {
    return 'unknown'
  }
}

type Life = Pick<Ground, 'audit' | 'config' | 'log'>

/** Resolves when the start is in the log; which configuration was taken is compared with the one before, and `loaded` is when that stands there, too. */
export async function begun(ground: Life): Promise<{ readonly loaded: Promise<void> }> {
  const { audit, config } = ground
  const workers = config.workers === 1 ? '' : `, ${config.workers} workers`
  const detail = `${config.mode} mode, version ${versionOf()}, process ${process.pid}${workers}`
  await audit.write({ action: 'gateway.start', actor: 'gateway', owner: undefined, subject: config.store.name, detail })
  return { loaded: loaded(ground) }
}

/** The digest of the file, and the one that was taken before where that was another. Never rejects. */
export async function loaded({ audit, config, log }: Life): Promise<void> {
  try {
    const before = await audit.entries({ limit: 1, action: 'config.load' }).catch(() => undefined)
    const detail = comparedWith(config.digest, before)
    await audit.write({ action: 'config.load', actor: 'gateway', owner: undefined, subject: config.digest, detail })
  } catch (error) {
    log.error({ error: String(error) }, 'which configuration was taken could not be written to the audit log')
  }
}

function comparedWith(digest: string, before: readonly AuditLine[] | undefined): string {
  if (before === undefined) return 'what was taken before is not known: the books could not be read'
  const last = before.at(-1)?.subject
  return last === undefined ? 'the first that is known' : last === digest ? 'the same as before' : `changed; before it was ${last}`
}

/** A stop never waits for a store that is lost. */
export async function ended({ audit, config, log, lost }: Life & Pick<Ground, 'lost'>): Promise<void> {
  if (lost().includes('store')) return log.error({}, 'the stop could not be written to the audit log: the store is out of reach')
  const detail = `after ${Math.round(process.uptime())} s`
  const written = audit.write({ action: 'gateway.stop', actor: 'gateway', owner: undefined, subject: config.store.name, detail })
  let late: NodeJS.Timeout | undefined
  const over = new Promise<void>((_, reject) => (late = setTimeout(() => reject(new Error('the store does not answer')), STOP_WITHIN_MS)))
  await Promise.race([written, over]).catch((error: unknown) => log.error({ error: String(error) }, 'the stop could not be written to the audit log'))
  clearTimeout(late)
}

const STOP_WITHIN_MS = 1_000
