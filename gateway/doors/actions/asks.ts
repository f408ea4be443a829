/** What an action is asked: members of the JSON body, or of the query for GET, read one by one. */
import { monthOf, parseUsd } from '#contract'
import { type Office, OfficeError } from '../../office/index.ts'

export type Ask = Readonly<Record<string, unknown>>
export type Action = (office: Office, ask: Ask) => unknown

/** Of the JSON body, or of the query for GET; everything else is a sentence for the operator. */
export const text = (ask: Ask, name: string): string | undefined => {
  const value = ask[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value !== 'string') throw new OfficeError(`${name} must be text`)
  return value
}
export const amount = (ask: Ask, name: string): bigint | undefined => {
  const value = text(ask, name)
  const parsed = value === undefined ? undefined : parseUsd(value)
  if (value !== undefined && (parsed === undefined || parsed < 0n)) throw new OfficeError(`${name} ${value} is no amount; expected for example $5`)
  return parsed
}
export const names = (ask: Ask): readonly string[] => {
  const value = ask.names ?? []
  if (!Array.isArray(value) || value.some((name) => typeof name !== 'string')) throw new OfficeError('names must be a list of connections')
  return value as string[]
}
export const wholeNumber = (ask: Ask, name: string): number | undefined => {
  const value = ask[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value <= 0) throw new OfficeError(`${name} must be a whole number above 0`)
  return value
}

/** Epoch milliseconds; of a query they are text. Without any: all that there is. */
export function instant(ask: Ask, name: string): number {
  const value = ask[name] ?? 0
  if (!/^\d{1,15}$/.test(String(value))) throw new OfficeError(`${name} ${String(value)} is no instant; expected milliseconds since 1970`)
  return Number.parseInt(String(value), 10)
}

export function monthFrom(ask: Ask): string {
  const month = text(ask, 'month') ?? monthOf(Date.now())
  if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) throw new OfficeError(`month ${month} is no month; expected for example 2026-11`)
  return month
}
