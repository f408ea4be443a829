/** The log of the gateway that runs: its last lines, and those that come. */
import { type LongText, type Office, OfficeError } from '../../office/index.ts'
import { type LogTail, tailOf } from '../log-tail.ts'
import { type Action, text } from './asks.ts'

const LINES = 100
/** pino's. */
const LEVELS: Readonly<Record<string, number>> = { debug: 20, info: 30, warn: 40, error: 50 }

export const logActions: Readonly<Record<string, Action>> = {
  'GET /api/logs': (office, ask): LongText => {
    const tail = tailIn(office)
    const level = text(ask, 'level') ?? 'debug'
    const least = LEVELS[level]
    if (least === undefined) throw new OfficeError(`level ${level} is no level; expected one of ${Object.keys(LEVELS).join(', ')}`)
    const lines = text(ask, 'lines') ?? String(LINES)
    if (!/^\d{1,4}$/.test(lines)) throw new OfficeError(`lines ${lines} is no number of lines; expected 0 to 9999`)
    const count = Number.parseInt(lines, 10)
    const all = ask.follow === 'true' ? tail.follow(count) : tail.last(count)
    return { type: 'application/x-ndjson', text: ofLevel(all, least) }
  },
}

function tailIn({ log }: Office): LogTail {
  const tail = tailOf(log)
  if (tail === undefined) throw new OfficeError('no gateway runs whose log could be asked for; what it has logged went to its standard error')
  return tail
}

async function* ofLevel(lines: Iterable<string> | AsyncIterable<string>, least: number): AsyncIterable<string> {
  for await (const line of lines) if (levelOf(line) >= least) yield line
}

/** Without parsing: a line begins with its level. */
const levelOf = (line: string): number => Number.parseInt(/^\{"level":(\d{1,3})/.exec(line)?.[1] ?? '30', 10)
