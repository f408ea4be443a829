/** Payments by x402: what is offered on which network, how facilitators do, and settlements of which nobody knows the outcome. */
import type { Row } from '../desk.ts'
import type { View } from '../look.ts'
import { count, figure, type Html, html, money, table, tag, text, time } from '../ui.ts'

export const x402: View = {
  title: () => 'x402',
  async show({ desk }) {
    const { networks, facilitators, unknown } = (await desk.served.office.x402()) as Readonly<Record<string, readonly Row[]>>
    return html`<section><h2>Outcomes not known yet</h2>${unknownTable(unknown ?? [])}</section>
<section><h2>Networks</h2>${networksTable(networks ?? [])}</section>
<section><h2>Facilitators</h2>${facilitatorsTable(facilitators ?? [])}</section>
<p class="quiet">The figures of <code>atlas x402 status</code>. The reconciler asks again by itself until an outcome is known; nobody is asked to pay twice.</p>`
  },
}

const plain = (value: unknown): Html => html`${value === null || value === undefined ? '–' : String(value)}`

const unknownTable = (rows: readonly Row[]): Html =>
  table({
    label: 'Settlements whose outcome is not known',
    columns: [...['receipt', 'buys', 'network', 'payer'].map(text), figure('amount'), text('since (UTC)'), figure('age, s'), text('payable until (UTC)')],
    rows: rows.map((row) => [
      ...[row.receipt, row.buys, row.network, row.payer].map(plain),
      money(row.amount),
      time(row.since, 19),
      count(row.age_seconds),
      time(row.valid_before, 19),
    ]),
    empty: 'No settlement is unknown.',
  })

const networksTable = (rows: readonly Row[]): Html =>
  table({
    label: 'Networks',
    columns: ['network', 'asset', 'settled', 'node'].map(text),
    rows: rows.map(({ network, asset, settled, node }) => [
      plain(network),
      plain(asset),
      settled === true ? tag('good', 'yes') : tag('plain', 'not yet'),
      plain(node),
    ]),
    empty: 'No network is offered.',
  })

const rate = ({ answered, refused, lost, success_rate: good }: Row): Html =>
  html`${String(answered)} yes, ${String(refused)} no, ${String(lost)} lost${typeof good === 'number' ? ` (${(good * 100).toFixed(1)} %)` : ''}`

const facilitatorsTable = (rows: readonly Row[]): Html =>
  table({
    label: 'Facilitators',
    columns: ['facilitator', 'state', 'verify', 'settle'].map(text),
    rows: rows.map(({ name, problem, verify, settle }) => [
      ...[plain(name), problem === null ? tag('good', 'ok') : tag('bad', String(problem)), rate(verify as Row), rate(settle as Row)],
    ]),
    empty: 'No facilitator is asked.',
  })
