/** The log of a process that serves: JSON lines on stderr, from the level on that LOG_LEVEL names. */
import pino from 'pino'
import type { Log } from '#contract'
import { Failure } from './context.ts'
import { REDACTED, redactedPaths, withoutSecrets } from './redaction.ts'

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']

/** `base` stands in every line. @throws Failure */
export const logOf = (base: object | null, to: pino.DestinationStream = pino.destination({ dest: 2, sync: true })): Log =>
  pino({ level: logLevel(), base, redact: { paths: [...redactedPaths], censor: REDACTED }, hooks: { streamWrite: withoutSecrets } }, to)

function logLevel(): string {
  const level = process.env.LOG_LEVEL || 'info'
  if (!LEVELS.includes(level)) throw new Failure(`LOG_LEVEL=${level} is no level; expected ${LEVELS.join(', ')}`)
  return level
}
