/** How each connection stands: what is left of its quota and how long that lasts, its health, its price; on sale or not. */
import { type Connection, dollars, formatUsd } from '#contract'
import type { Burn, BurnPoint, Forecast } from '../../../economics/index.ts'
import type { Looked, Row } from '../desk.ts'
import { actForm, type Look, type Vetted, type View } from '../look.ts'
import { aligned, chart, count, countText, figure, type Html, html, link, list, table, tag, text, time, type Tone } from '../ui.ts'

/** More would be a page that nobody reads; the table has all of them. */
const CARDS = 40

export const connections: View = {
  title: () => 'Connections',
  async show(look: Look) {
    const [status, looked] = await Promise.all([look.desk.status(), look.desk.looked()])
    const { connections: configured } = look.desk.config
    const cards = configured.slice(0, CARDS).flatMap((connection) => {
      const row = status.find(({ name }) => name === connection.name)
      return row === undefined ? [] : [card(look, connection, row, looked)]
    })
    return html`${overviewTable(look, status, configured)}<p class="quiet">The figures of <code>atlas marketplace api status</code> and <code>atlas forecast</code> (the mean of seven days, give or take one standard deviation). Pausing takes a connection off sale at once; its owner’s calls go on. Resuming vets it first.</p>${cards}`
  },
}

const TONES: Readonly<Record<string, Tone>> = { ok: 'good', unknown: 'plain', paced: 'warn', open: 'warn', failing: 'bad', paused: 'bad', exhausted: 'bad' }
const healthTag = (row: Row): Html => tag(TONES[String(row.health)] ?? 'warn', String(row.health))
const saleTag = (row: Row): Html => (row.enabled === true ? tag('good', 'on sale') : tag('warn', 'off sale'))
const percent = (rate: unknown): Html => (typeof rate === 'number' ? html`${Math.floor(rate * 1000) / 10} %` : html`–`)

function overviewTable(look: Look, status: readonly Row[], configured: readonly Connection[]): Html {
  const prices = aligned(status.map(({ name }) => formatUsd(configured.find((one) => one.name === name)?.unitPrice ?? 0n)))
  const revenues = aligned(status.map(({ revenue }) => revenue))
  return table({
    label: 'Connections',
    columns: [
      ...['connection', 'owner', 'state', 'health'].map(text),
      ...['left', 'sold', 'own', 'wasted', 'reserved', 'quota', 'price', 'revenue', 'good', 'ms'].map(figure),
      ...['resets (UTC)', 'action'].map(text),
    ],
    rows: status.map((row, at) => [
      ...[link(`#${String(row.name)}`, String(row.name)), html`${String(row.owner)}`, saleTag(row), healthTag(row)],
      ...[row.units_left, row.sold_units, row.own_units, row.wasted_units, row.reserved, row.quota].map(count),
      ...[prices[at] as Html, revenues[at] as Html, percent(row.success_rate), count(row.latency_ms)],
      ...[time(row.resets_at), switchForm(look, row)],
    ]),
    empty: 'No connection is configured.',
  })
}

function switchForm(look: Look, row: Row): Html {
  const name = String(row.name)
  if (row.enabled === true) return actForm(look, { act: 'pause', fields: { name }, button: 'Pause', label: `Pause ${name}` })
  const risk = html`<label class="tiny"><input type="checkbox" name="accept_risk" value="yes"> accept risk</label>`
  return actForm(look, {
    act: 'resume',
    fields: { name },
    button: 'Resume',
    label: `Vet and resume ${name}`,
    more: look.desk.config.mode === 'live' ? risk : html``,
  })
}

function card(look: Look, connection: Connection, row: Row, { burns, forecasts }: Looked): Html {
  const { name, unitPrice, adapter } = connection
  const forecast = forecasts.find((one) => one.name === name)
  const burn = burns.get(name)
  const facts: readonly (readonly [string, Html])[] = [
    ['API', html`${look.desk.config.adapters.get(adapter)?.title ?? adapter}`],
    ['Price a unit', html`${dollars(unitPrice)}`],
    [
      'For sale',
      html`<meter min="0" max="${connection.quota}" value="${Number(row.units_left)}" aria-label="Units of ${name} left for sale">${countText(row.units_left)}</meter> ${count(row.units_left)} of ${count(connection.quota)}`,
    ],
    ['Health', html`${healthTag(row)} ${row.paused_because === null ? '' : String(row.paused_because)}`],
    ['Counted elsewhere', html`${count(row.external_units)} units (${String(row.drift_percent)} %)`],
    ['Sold out', outText(forecast)],
    ['Unsold at the end', unsoldText(forecast)],
    ['Vetted', row.vetted === true ? tag('good', 'yes') : tag('plain', 'no')],
  ]
  const warnings = row.warnings as readonly string[]
  return html`<section class="card" id="${name}" aria-labelledby="h-${name}"><h2 id="h-${name}">${name} ${saleTag(row)}</h2>
<div class="split"><div>${burn === undefined ? undefined : burnChart(name, burn)}</div><dl class="facts">${facts.map(([term, fact]) => html`<dt>${term}</dt><dd>${fact}</dd>`)}</dl></div>
${forecast === undefined || forecast.units_a_day !== null ? undefined : html`<p class="quiet">No forecast: ${forecast.note}.</p>`}${
  warnings.length === 0
    ? undefined
    : list(
        warnings.map((one) => html`${one}`),
        'warnings',
      )
}${vettedTable(look.vetted.get(name), name)}</section>`
}

const outText = (forecast: Forecast | undefined): Html =>
  forecast?.units_a_day == null ? html`–` : forecast.exhausted_at === null ? html`not in this period` : html`about ${time(forecast.exhausted_at)}`

const unsoldText = (forecast: Forecast | undefined): Html =>
  forecast?.unsold_units == null ? html`–` : html`${count(forecast.unsold_units)} (${countText(forecast.unsold_low)} to ${countText(forecast.unsold_high)})`

function burnChart(name: string, { quota, past, coming }: Burn): Html {
  const later = coming.slice(1)
  const at = [...past, ...later].map(({ atMs }) => Math.floor(atMs / 1000))
  const nothing = (points: readonly BurnPoint[]): null[] => points.map(() => null)
  const data = {
    ...{ at, quota, now: at[past.length - 1] },
    left: [...past.map(({ left }) => left), ...nothing(later)],
    reserve: [...past, ...later].map(({ reserve }) => reserve),
    coming: [...nothing(past.slice(0, -1)), past.at(-1)?.left ?? null, ...later.map(({ left }) => left)],
  }
  const row = (kind: string, { atMs, left, reserve }: BurnPoint): readonly Html[] => [time(atMs), html`${kind}`, ...[left, reserve, left - reserve].map(count)]
  const numbers = table({
    label: `Quota of ${name} in this period`,
    columns: [...['when (UTC)', ''].map(text), ...['left', 'reserve', 'for sale'].map(figure)],
    rows: [...past.map((point) => row('counted', point)), ...later.map((point) => row('forecast', point))],
  })
  const now = past.at(-1)
  const label = `Quota of ${name}: ${countText(now?.left)} of ${countText(quota)} units are left, ${countText(now?.reserve)} of them reserved`
  return chart({ kind: 'burn', label, caption: html`<h3>Quota left in this period</h3>`, data, numbers })
}

const RESULTS: Readonly<Record<string, Tone>> = { ok: 'good', failed: 'bad' }

function vettedTable(vetted: Vetted | undefined, name: string): Html | undefined {
  if (vetted === undefined) return undefined
  const rows = vetted.checks.map(({ check, result, detail }) => [html`${check}`, tag(RESULTS[result] ?? 'plain', result), html`${detail}`])
  return html`<h3>Vetted at ${time(vetted.atMs)} UTC</h3>${table({ label: `Vetting of ${name}`, columns: ['check', 'result', 'detail'].map(text), rows })}`
}
