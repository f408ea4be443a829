/**
 * The lines of a charge and of an intent, written by hand: they are what every sold call writes, and JSON.stringify takes three
 * times as long for them. The same text comes out for what needs no escapes; what does goes through JSON.stringify.
 */
import type { Attempt, CallRecord, WrittenCall, Payment } from '#contract'
import type { Charged, ChargeFields, Intended, JournalRecord, Settled } from './records.ts'

export function lineOf(record: JournalRecord): string {
  switch (record.t) {
    case 'charge':
      return `{"t":"charge",${fieldsText(record)}${answerText(record.answer)},"call":${callText(record.call)}}`
    case 'settled':
      return settledLine(record)
    default:
      return JSON.stringify(record)
  }
}

const PLAIN = /^[\w .:/-]*$/

const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text))

/** Names of the configuration and of accounts come again in every call, as the same strings. */
const known = new Map<string, string>()
const KNOWN = 10_000

function named(text: string): string {
  let found = known.get(text)
  if (found === undefined) {
    found = quoted(text)
    if (known.size < KNOWN) known.set(text, found)
  }
  return found
}

/** `json`: what the payment holds, where it has been written as JSON before. */
export function intentLine(r: Intended, json: Payment['json']): string {
  const payment = json === undefined ? JSON.stringify(r.payment) : paymentText(r.payment, json)
  return `{"t":"intent",${fieldsText(r)},"call":${callText(r.call)},"payment":${payment}${answerText(r.answer)}}`
}

function paymentText(p: Intended['payment'], { payload, requirements }: NonNullable<Payment['json']>): string {
  const whose = `"x402Version":${p.x402Version},"digest":"${p.digest}","network":${quoted(p.network)},"asset":"${p.asset}","payer":"${p.payer}","nonce":"${p.nonce}"`
  const when = `"amount":"${p.amount}","validAfterMs":${p.validAfterMs},"validBeforeMs":${p.validBeforeMs},"upfront":${p.upfront}`
  const identifier = p.identifier === undefined ? '' : `,"identifier":${quoted(p.identifier)}`
  const quote = p.quote === undefined ? '' : `,"quote":${quoted(p.quote)}`
  return `{${whose},${when},"payload":${payload},"requirements":${requirements}${identifier}${quote}}`
}

function settledLine({ id, transaction, headers, at }: Settled): string {
  let fields = ''
  for (const name in headers) fields += `${fields === '' ? '' : ','}${quoted(name)}:${valueText(headers[name] as string)}`
  return `{"t":"settled","id":${quoted(id)},"transaction":${quoted(transaction)},"headers":{${fields}},"at":${at}}`
}

const BASE64 = /^[\w+/=]*$/
const valueText = (text: string): string => (typeof text === 'string' && BASE64.test(text) ? `"${text}"` : (JSON.stringify(text) ?? 'null'))

function fieldsText(r: ChargeFields): string {
  const money = `"units":${r.units},"price":"${r.price}","platform":"${r.platform}","by":"${r.by}","account":${named(r.account)}`
  const what = `"api":${named(r.api)},"operation":${named(r.operation)},"subject":{"requestDigest":"${r.subject.requestDigest}","answerDigest":"${r.subject.answerDigest}"}`
  const names =
    r.names.length === 0 ? '[]' : `[${r.names.map((one) => `{"name":${quoted(one.name)},"digest":"${one.digest}","until":${one.until}}`).join(',')}]`
  const once = r.once.length === 0 ? '[]' : `[${r.once.map((one) => `{"key":${quoted(one.key)},"until":${one.until}}`).join(',')}]`
  const since = r.since === undefined ? '' : `,"since":${r.since}`
  return `"id":${quoted(r.id)},"at":${r.at}${since},"connection":${named(r.connection)},"owner":${named(r.owner)},"period":${r.period},${money},${what},"names":${names},"once":${once}`
}

const answerText = (answer: ChargeFields['answer']): string => (answer === undefined ? '' : `,"answer":${JSON.stringify(answer)}`)

/** Members in the order in which `shortCall` has them; of version 2 in their own. */
function callText(c: WrittenCall): string {
  if (c.v === 2) return wholeText(c as CallRecord)
  return `{"v":3,"id":${quoted(c.id)},"at":${c.at},"generation":${c.generation},"config":"${c.config}"${namesText(c)}${endText(c)},"tookMs":${c.tookMs}}`
}

const namesText = ({ api, operation, consumer }: WrittenCall): string =>
  `${api === undefined ? '' : `,"api":${named(api)}`}${operation === undefined ? '' : `,"operation":${named(operation)}`}${consumer === undefined ? '' : `,"consumer":${named(consumer)}`}`

function endText(c: WrittenCall): string {
  const kind = c.kind === undefined ? '' : `,"kind":"${c.kind}"`
  const status = c.status === undefined ? '' : `,"status":${c.status}`
  const requested = c.requested === undefined ? '' : `,"requested":${c.requested}`
  const candidates = c.candidates === undefined ? '' : `,"candidates":[${c.candidates.map(named).join(',')}]`
  const units = c.units === undefined ? '' : `,"units":${c.units}`
  const price = c.price === undefined ? '' : `,"price":"${c.price}"`
  const attempts = c.attempts === undefined ? '' : `,"attempts":[${c.attempts.map(attemptText).join(',')}]`
  const upstream = c.upstreamMs === undefined ? '' : `,"upstreamMs":${c.upstreamMs}`
  return `${kind}${status}${requested}${candidates}${units}${price}${attempts}${upstream}`
}

function wholeText(c: CallRecord): string {
  const code = c.code === undefined ? '' : `,"code":"${c.code}"`
  const receipt = c.receipt === undefined ? '' : `,"receipt":${quoted(c.receipt)}`
  const head = `{"v":${c.v},"id":${quoted(c.id)},"at":${c.at},"generation":${c.generation},"config":"${c.config}","api":${named(c.api)},"operation":${named(c.operation)},"consumer":${named(c.consumer)}`
  const attempts = c.attempts.length === 1 ? attemptText(c.attempts[0] as Attempt) : c.attempts.map(attemptText).join(',')
  return `${head},"kind":"${c.kind}","status":${c.status}${code}${receipt},"requested":${c.requested},"candidates":[${c.candidates.map(named).join(',')}],"units":${c.units},"price":"${c.price}","attempts":[${attempts}],"tookMs":${c.tookMs}}`
}

function attemptText(a: Attempt): string {
  const status = a.status === undefined ? '' : `,"status":${a.status}`
  return `{"connection":${named(a.connection)},"units":${a.units}${status},"meaning":"${a.meaning}","used":"${a.used}","tookMs":${a.tookMs}}`
}

/** What a charge changes: all that the state needs of it. */
export type SoldFacts = Pick<Charged, 'id' | 'at' | 'since' | 'connection' | 'period' | 'units' | 'price' | 'by' | 'account' | 'names' | 'once' | 'answer'> & {
  readonly call: Pick<WrittenCall, 'consumer'>
}
