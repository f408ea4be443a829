/**
 * An intent and its settlement, read by hand as they were written: of a call that was paid and settled the state needs a few
 * facts and where its answer stands, and JSON.parse of both lines takes five times as long. What looks otherwise is left to it.
 */
import type { SoldFacts } from './lines.ts'

const WORD = '[\\w .:/-]*'
const KEPT = `(${WORD})`
const NAME = `\\{"name":"${KEPT}","digest":"(\\w*)","until":(\\d+)\\}`

/** The beginning of an intent with one name and one used-once key, up to the last fact. */
const PAID = new RegExp(
  [
    `^\\{"t":"intent","id":"${KEPT}","at":(\\d+),"connection":"${KEPT}","owner":"${WORD}","period":(\\d+),"units":(\\d+)`,
    `"price":"(\\d+)","platform":"\\d+","by":"x402","account":"${KEPT}","api":"${WORD}","operation":"${WORD}"`,
    '"subject":\\{"requestDigest":"\\w*","answerDigest":"\\w*"\\}',
    `"names":\\[${NAME}\\],"once":\\[\\{"key":"${KEPT}","until":(\\d+)\\}\\]`,
    `"call":\\{"v":\\d+,"id":"${WORD}","at":\\d+,"generation":\\d+,"config":"\\w*"(?:,"api":"${WORD}","operation":"${WORD}")?(?:,"consumer":"${KEPT}"|,"upstreamMs":\\d+,"tookMs":\\d+\\},"payment":)`,
  ].join(','),
)
const ID = new RegExp(`^\\{"t":"(?:intent|settled)","id":"${KEPT}",`)

/** In JSON these can only be members: within a text their quotes would be escaped. */
const ANSWER = ',"answer":{"status":'
const BODY = ',"body":"'
const BODY_END = '","encoding":"'
const ESCAPE = 0x5c
const CODE = 0x75
const ENDS = /^","encoding":"(?:utf8|base64)"\}\}$/

export interface PaidFacts {
  readonly sold: SoldFacts
  /** Characters of the answer's body; undefined where none is stored. */
  readonly body: number | undefined
}

/** Of an intent or a settlement; undefined where it has to be parsed. */
export const idIn = (text: string): string | undefined => ID.exec(text)?.[1]

export function paidIn(text: string): PaidFacts | undefined {
  const found = PAID.exec(text)
  const body = bodyIn(text)
  if (found === null || body === -1) return undefined
  const [, id = '', at = '', connection = '', period = '', units = '', price = '', account = ''] = found
  const [name = '', digest = '', until = '', key = '', onceUntil = '', consumer = account] = found.slice(8)
  const sold: SoldFacts = {
    id,
    at: Number.parseInt(at, 10),
    connection,
    period: Number.parseInt(period, 10),
    units: Number.parseInt(units, 10),
    price,
    by: 'x402',
    account,
    names: [{ name, digest, until: Number.parseInt(until, 10) }],
    once: [{ key, until: Number.parseInt(onceUntil, 10) }],
    call: { consumer },
  }
  return { sold, body }
}

/** -1 where it is not written as expected. */
function bodyIn(text: string): number | undefined {
  const answer = text.lastIndexOf(ANSWER)
  if (answer === -1) return undefined
  const start = text.indexOf(BODY, answer)
  const end = text.lastIndexOf(BODY_END)
  // A payment may hold members of the same names; what we have written ends the line.
  if (start === -1 || end < start + BODY.length - 1 || !ENDS.test(text.slice(end))) return -1
  return lengthOf(text, start + BODY.length, end)
}

/** Characters of a text as JSON has written it; it is not made. */
function lengthOf(text: string, from: number, to: number): number {
  let escapes = 0
  for (let at = text.indexOf('\\', from); at !== -1 && at < to; at += 1) {
    if (text.charCodeAt(at) !== ESCAPE) continue
    const isCode = text.charCodeAt(at + 1) === CODE
    escapes += isCode ? 5 : 1
    at += isCode ? 5 : 1
  }
  return to - from - escapes
}
