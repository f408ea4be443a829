/** The log of a process that serves: JSON lines on stderr, from the level on that LOG_LEVEL names. */
import pino from 'pino'
import type { Log } from '#contract'
import { keepTail, LogTail } from '../log-tail.ts'
import { Failure } from './context.ts'
import { REDACTED, redactedPaths, withoutSecrets } from './redaction.ts'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** `base` stands in every line. Where nothing else is said they go to stderr, and the last ones are kept for `atlas logs`. @throws Failure */
export function logOf(base: object | null, to?: pino.DestinationStream): Log {
  const tail = new LogTail()
  const options = { level: logLevel(), base, redact: { paths: [...redactedPaths], censor: REDACTED }, hooks: { streamWrite: withoutSecrets } }
  return keepTail(pino(options, to ?? alsoTo(tail)), tail)
}

function alsoTo(tail: LogTail): pino.DestinationStream {
  const stream = pino.destination({ dest: 2, sync: true })
  return {
    write(line) {
      stream.write(line)
      tail.write(line)
    },
  }
}

function logLevel(): string {
  const level = process.env.LOG_LEVEL || 'info'
  if (!LEVELS.includes(level)) throw new Failure(`LOG_LEVEL=${level} is no level; expected ${LEVELS.join(', ')}`)
  return level
}
