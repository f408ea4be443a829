/** Does the subscription earn money? What came in this month, whose it is, what is to come, and what needs somebody. */
import { formatUsd, parseUsd } from '#contract'
import { COLUMNS } from '../../../office/report.ts'
import type { Looked, Row } from '../desk.ts'
import type { Look, View } from '../look.ts'
import { pathOfView } from '../page.ts'
import { aligned, centsOf, chart, count, dollarsText, figure, type Html, html, link, list, money, profit, table, text, tile, time, wholeOf } from '../ui.ts'

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
const nameOf = (month: string): string => `${MONTHS[Number.parseInt(month.slice(5), 10) - 1]} ${month.slice(0, 4)}`

export const overview: View = {
  title: ({ desk }) => nameOf(desk.month),
  async show({ desk }: Look) {
    const { office } = desk.served
    const asked = [desk.report(), desk.status(), desk.looked(), office.x402(), office.abuse.list()] as const
    const [report, status, looked, x402, abuse] = await Promise.all(asked)
    const needs = needsOf(status, x402, abuse)
    return html`${needs.length === 0 ? undefined : html`<section class="needs" aria-label="Needs attention"><h2>Needs attention</h2>${list(needs, 'plain')}</section>`}
${tiles(report.total, looked, desk.month)}${salesChart(looked)}
<section><h2>By connection</h2>${reportTable(report.connections, report.total)}<p class="quiet">The figures of <code>atlas report</code>; subscriptions are counted whole.</p></section>`
  },
}

/** Each in a sentence that leads to where something can be done. */
function needsOf(status: readonly Row[], x402: Row, abuse: Row): readonly Html[] {
  const unknown = (x402.unknown as readonly unknown[]).length
  const blocked = (abuse.suspects as readonly Row[]).filter(({ state }) => state !== 'watched').length
  return [
    ...status.flatMap(({ name, enabled, paused_because: why, last_failure: failure }) => {
      const at = `${pathOfView('connections')}#${String(name)}`
      if (why !== null) return [html`${link(at, String(name))} is paused: ${String(why)}`]
      if (failure === 'credential-refused') return [html`${link(at, String(name))}: the provider has refused its credential`]
      return enabled === true ? [] : [html`${link(at, String(name))} is off sale`]
    }),
    ...(unknown === 0 ? [] : [html`${link(pathOfView('x402'), `${unknown} settlement${unknown === 1 ? '' : 's'}`)} of which nobody knows the outcome yet`]),
    ...(blocked === 0 ? [] : [html`${link(pathOfView('consumers'), `${blocked} consumer${blocked === 1 ? '' : 's'}`)} throttled or blocked for abuse`]),
  ]
}

function tiles(total: Row, { sales, forecasts, atMs }: Looked, month: string): Html {
  const days = sales.days().filter(({ startMs }) => new Date(startMs).toISOString().startsWith(month))
  const sum = (of: (day: (typeof days)[number]) => number): number => days.reduce((all, day) => all + of(day), 0)
  const coming = forecasts.map(({ month_end: end }) => end)
  const known = coming.filter((end) => end !== null)
  const end = known.reduce((net, { owner_share: share }) => net + (parseUsd(share) ?? 0n), parseUsd(String(total.net_profit)) ?? 0n)
  const basis =
    known.length === coming.length ? 'as the last seven days went on' : `${coming.length - known.length} of ${coming.length} connections have no forecast yet`
  return html`<dl class="tiles" data-total="month">
${tile('Revenue', money(total.revenue, centsOf(total.revenue)), html`platform ${money(total.platform_share)}`)}
${tile('Owners’ share', money(total.owner_share, centsOf(total.owner_share)), html`subscriptions ${money(total.subscription_cost)}`)}
${tile('Net profit so far', profit(total.net_profit, centsOf(total.net_profit)))}
${known.length === 0 ? tile('Net at month’s end', html`–`, 'no forecast before three days of calls') : tile('Net at month’s end', profit(formatUsd(end), wholeOf(formatUsd(end))), basis)}
${tile('Calls sold', count(total.calls_sold), html`${count(total.units_sold)} units, own ${count(total.own_units)}`)}
${tile('Failed calls', count(sum(({ failed }) => failed)), html`refused ${count(sum(({ refused }) => refused))}`)}
</dl><p class="quiet asof">As of ${time(atMs, 19)} UTC</p>`
}

function salesChart({ sales }: Looked): Html {
  const days = sales.days()
  const dates = days.map(({ startMs }) => new Date(startMs).toISOString().slice(0, 10))
  const revenue = days.map((day) => formatUsd(day.revenue))
  const data = { at: days.map(({ startMs }) => startMs / 1000), revenue, calls: days.map((day) => day.calls) }
  const amounts = aligned(revenue)
  const numbers = table({
    label: 'Revenue and calls by day',
    columns: [text('day (UTC)'), ...['revenue', 'calls', 'own', 'refused', 'failed'].map(figure)],
    rows: days.map((day, at) => [html`${dates[at]}`, amounts[at] as Html, ...[day.calls, day.own, day.refused, day.failed].map(count)]).reverse(),
  })
  const all = days.reduce((sum, day) => sum + day.revenue, 0n)
  return chart({
    kind: 'days',
    label: `Revenue and calls of the last ${days.length} days: ${dollarsText(formatUsd(all))} in all`,
    caption: html`<h2>Revenue and calls by day</h2>`,
    ...{ data, numbers },
  })
}

/** The total stands in the columns, too. */
function reportTable(connections: readonly Row[], total: Row): Html {
  const all = [...connections, total]
  const columns = COLUMNS.map(({ member, kind }) => {
    const values = all.map((row) => row[member])
    return kind === 'count' ? values.map((value) => count(value)) : aligned(values, (amount) => (kind === 'result' ? profit(amount) : money(amount)))
  })
  const figures = (at: number): readonly Html[] => columns.map((column) => column[at] as Html)
  return table({
    label: 'Sales of this month by connection',
    columns: [text('connection'), text('owner'), ...COLUMNS.map(({ title }) => figure(title.replace("'", '’')))],
    rows: connections.map((row, at) => [html`${String(row.name)}`, html`${String(row.owner)}`, ...figures(at)]),
    total: [html`total`, html``, ...figures(connections.length)],
  })
}
