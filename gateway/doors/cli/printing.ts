/** How answers are shown: cells, amounts, and JSON where it is asked for. */
import type { Answered } from './asking.ts'

export interface Common {
  readonly config?: string
  readonly json?: boolean
}

export type Row = Readonly<Record<string, string | number | boolean | null>>

export const cell = (value: Row[string] | undefined): string =>
  value === null || value === undefined ? '-' : value === true ? 'yes' : value === false ? 'no' : String(value)
export const money = (value: Row[string] | undefined): string => (typeof value === 'string' ? value.replace(/^(-?)/, '$1$') : '-')
export const signed = (value: Row[string] | undefined): string => (typeof value === 'string' && !value.startsWith('-') ? `+$${value}` : money(value))

export function print(answered: Answered, { json }: Common, show: () => string): void {
  process.stderr.write(`${answered.by}\n`)
  process.stdout.write(`${json === true ? JSON.stringify(answered.value, null, 2) : show()}\n`)
}
