/** The pieces that views are made of: amounts, counts, times, tables, charts. All text goes through `html`. */
import { type Html, html } from '../discovery/html.ts'

export { Html, html, link } from '../discovery/html.ts'

const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+$)/g, ',')

/** `1234.5` -> `$1,234.50`; the plain decimal as the offices print it. */
export function dollarsText(amount: unknown): string {
  const found = /^(-?)(\d+)(\.\d+)?$/.exec(String(amount))
  return found === null ? '–' : `${found[1] === '' ? '' : '−'}$${grouped(found[2] as string)}${found[3] ?? ''}`
}
export const countText = (count: unknown): string => (typeof count === 'number' ? `${count < 0 ? '−' : ''}${grouped(String(Math.abs(count)))}` : '–')

/** With the value as programs print it beside what people read. */
export const money = (amount: unknown, shown: unknown = amount): Html => html`<data value="${String(amount ?? '')}">${dollarsText(shown)}</data>`
export const count = (value: unknown): Html => html`<data value="${String(value ?? '')}">${countText(value)}</data>`

/** Never by colour alone: the sign says it, too. `shown`: as it is to be read, where that is shorter. */
export function profit(amount: unknown, shown: unknown = amount): Html {
  const text = String(amount)
  const isLoss = text.startsWith('-')
  return html`<data value="${text}" class="${isLoss ? 'loss' : 'gain'}">${isLoss ? '' : '+'}${dollarsText(shown)}</data>`
}

/** Large figures are read at a glance: what is less than a cent is cut off. The exact amount stands in the tables. */
export const centsOf = (amount: unknown): string => String(amount).replace(/(\.\d\d)\d+$/, '$1')
export const wholeOf = (amount: unknown): string => String(amount).replace(/\.\d+$/, '')

const FIGURE_SPACE = '\u2007'
const placesOf = (amount: unknown): number => /\.(\d+)$/.exec(String(amount))?.[1]?.length ?? 0

/** Amounts that stand below each other, point below point. */
export function aligned(amounts: readonly unknown[], show: (amount: unknown) => Html = (amount) => money(amount)): readonly Html[] {
  const most = Math.max(0, ...amounts.map(placesOf))
  return amounts.map((amount) => html`${show(amount)}${FIGURE_SPACE.repeat(typeof amount === 'string' ? most - placesOf(amount) : 0)}`)
}

/** Wallets are told apart by their ends. */
export const who = (name: string): Html => html`<data value="${name}">${name.replace(/(0x[0-9a-f]{8})[0-9a-f]{24}([0-9a-f]{8})$/i, '$1…$2')}</data>`

/** To the minute, in UTC; the whole instant for programs. */
export function time(at: unknown, digits = 16): Html {
  const iso = typeof at === 'number' ? new Date(at).toISOString() : typeof at === 'string' ? at : undefined
  return iso === undefined ? html`–` : html`<time datetime="${iso}">${iso.slice(0, digits).replace('T', ' ')}</time>`
}

export type Tone = 'good' | 'bad' | 'warn' | 'plain'
export const tag = (tone: Tone, text: string): Html => html`<span class="tag ${tone}">${text}</span>`

export interface Column {
  readonly title: string
  /** A figure: to the right, its digits below each other. */
  readonly figure?: boolean
}

export interface TableOf {
  readonly label: string
  readonly columns: readonly Column[]
  /** The first cell of each names its row. */
  readonly rows: readonly (readonly Html[])[]
  readonly total?: readonly Html[]
  readonly empty?: string
  readonly id?: string
}

/** Scrolls by itself where it is wider than the page, by keyboard, too. */
export function table({ label, columns, rows, total, empty, id }: TableOf): Html {
  if (rows.length === 0 && empty !== undefined && id === undefined) return html`<p class="quiet">${empty}</p>`
  const cells = (row: readonly Html[]): readonly Html[] =>
    row.map((cell, at) => {
      const figure = columns[at]?.figure === true ? 'n' : ''
      return at === 0 ? html`<th scope="row" class="${figure}">${cell}</th>` : html`<td class="${figure}">${cell}</td>`
    })
  const heads = columns.map(({ title, figure }) => html`<th scope="col" class="${figure === true ? 'n' : ''}">${title}</th>`)
  const foot = total === undefined ? undefined : html`<tfoot><tr>${cells(total)}</tr></tfoot>`
  return html`<div class="wide" tabindex="0" role="region" aria-label="${label}"><table${id === undefined ? html`` : html` id="${id}"`}><thead><tr>${heads}</tr></thead><tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>`)}</tbody>${foot}</table></div>`
}

export const figure = (title: string): Column => ({ title, figure: true })
export const text = (title: string): Column => ({ title })

export const tile = (label: string, value: Html, note: Html | string = ''): Html =>
  html`<div class="tile"><dt>${label}</dt><dd>${value}</dd><dd class="quiet note">${note}</dd></div>`

export interface ChartOf {
  readonly kind: 'days' | 'burn'
  readonly label: string
  readonly caption: Html
  readonly data: unknown
  /** The same figures as a table. */
  readonly numbers: Html
}

/** Drawn by the browser; without script the table says the same. */
export const chart = ({ kind, label, caption, data, numbers }: ChartOf): Html =>
  html`<figure class="chart"><figcaption>${caption}</figcaption><div class="plot" role="img" aria-label="${label}" data-chart="${kind}" data-figures="${JSON.stringify(data)}"></div><details><summary>Numbers</summary>${numbers}</details></figure>`

export const list = (items: readonly Html[], name: string): Html => html`<ul class="${name}">${items.map((item) => html`<li>${item}</li>`)}</ul>`
