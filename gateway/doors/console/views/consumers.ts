/** Who buys, for how much, and how far each may go; who is suspected of abuse, and the way to let him go. */
import { dollars, formatUsd, type Rate, type Usd } from '#contract'
import { OTHERS, type Spend } from '../../../economics/index.ts'
import type { Row } from '../desk.ts'
import { actForm, type Look, type View } from '../look.ts'
import { aligned, count, figure, type Html, html, money, table, tag, text, time, type Tone, who } from '../ui.ts'

const MOST = 200

export const consumers: View = {
  title: () => 'Consumers',
  async show(look: Look) {
    const { office } = look.desk.served
    const [{ keys, total }, { sales }, abuse] = await Promise.all([office.keys.latest(MOST), look.desk.looked(), office.abuse.list()])
    return html`${suspects(look, abuse)}<section><h2>Who buys</h2>${table({
      label: 'Consumers and their spending',
      columns: [
        text('consumer'),
        text('state'),
        ...['spent this month', 'calls', 'balance', 'cap a day', 'cap a month'].map(figure),
        ...['created (UTC)', 'expires (UTC)', 'note'].map(text),
      ],
      rows: rowsOf(keys, sales.spends),
      empty: 'No key was made, and no wallet has paid this month.',
    })}${total > MOST ? html`<p class="quiet">The newest ${MOST} of ${count(total)} keys; <code>atlas key list</code> has all of them.</p>` : undefined}</section>
<section><h2>Limits of everybody</h2>${limits(look)}</section>`
  },
}

const STATES: Readonly<Record<string, Tone>> = { valid: 'good', revoked: 'plain', expired: 'plain' }

/** Who spent most first; keys that have bought nothing stand behind, wallets without a key between. */
function rowsOf(keys: readonly Row[], spends: ReadonlyMap<string, Spend>): readonly (readonly Html[])[] {
  const seen = new Set(keys.map(({ account }) => account))
  const spentOf = (account: unknown): bigint => spends.get(String(account))?.amount ?? 0n
  const wallets: readonly Row[] = [...spends.keys()].filter((account) => !seen.has(account)).map((account) => ({ account }))
  const all = [...keys, ...wallets].sort((a, b) => Number(spentOf(b.account) - spentOf(a.account)))
  const shown = all.slice(0, MOST)
  const spent = aligned(shown.map(({ account }) => formatUsd(spentOf(account))))
  const balances = aligned(shown.map(({ balance }) => balance))
  return shown.map((row, at) => [
    ...[who(nameOf(row)), row.state === undefined ? html`` : tag(STATES[String(row.state)] ?? 'warn', String(row.state))],
    ...[spent[at] as Html, count(spends.get(String(row.account))?.calls ?? 0), balances[at] as Html, money(row.cap_per_day), money(row.cap_per_month)],
    ...[time(row.created_at), time(row.expires_at), html`${row.note == null ? '' : String(row.note)}`],
  ])
}

function nameOf(row: Row): string {
  if (row.id === undefined) return row.account === OTHERS ? 'all others' : String(row.account)
  return row.role === 'owner' ? `${String(row.id)} (owner ${String(row.owner)})` : String(row.id)
}

const SUSPECT: Readonly<Record<string, Tone>> = { watched: 'plain', throttled: 'warn', blocked: 'bad' }

function suspects(look: Look, { suspects: found, total, note }: Row): Html {
  const rows = (found as readonly Row[]).map((row) => {
    const subject = String(row.who)
    const state = row.shadow === true ? `would be ${String(row.state)}` : String(row.state)
    const kinds = Object.entries(row.abuse as Readonly<Record<string, number>>).map(([kind, calls]) => `${kind} ${calls}`)
    return [
      ...[
        html`${subject}`,
        tag(SUSPECT[String(row.state)] ?? 'warn', state),
        count(row.score),
        html`${kinds.join(', ')}`,
        count(row.refused),
        time(row.until, 19),
      ],
      actForm(look, { act: 'unblock', fields: { who: subject }, button: 'Unblock', label: `Unblock ${subject}` }),
    ]
  })
  const columns = [text('who'), text('state'), figure('score'), text('calls by kind'), figure('refused'), text('until (UTC)'), text('action')]
  const more = Number(total) > rows.length ? html`<p class="quiet">and ${Number(total) - rows.length} more</p>` : undefined
  return html`<section><h2>Suspected of abuse</h2>${table({ label: 'Suspected of abuse', columns, rows, empty: String(note ?? 'Nobody is suspected.') })}${more}</section>`
}

interface Pacing {
  readonly per_consumer?: Rate
  readonly burst?: number
  readonly spend_per_day?: Usd
}

/** Of each route, as its chain says. */
function limits({ desk }: Look): Html {
  const rows = desk.config.routes.map(({ prefix, chain }) => {
    const { per_consumer: pace, burst, spend_per_day: spend } = (chain.find(({ name }) => name === 'rate-limit')?.settings ?? {}) as Pacing
    return [
      html`${prefix}`,
      ...[pace === undefined ? html`–` : html`${pace.count} in ${pace.windowSeconds} s`, count(burst), spend === undefined ? html`–` : html`${dollars(spend)}`],
      html`${desk.config.limits.concurrentPerConsumer}`,
    ]
  })
  return table({ label: 'Limits by route', columns: [text('route'), ...['calls', 'at once', 'spending a day', 'under way'].map(figure)], rows })
}
