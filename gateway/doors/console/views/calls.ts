/** Calls as they end. What is recorded of the last hour stands there first; what comes is put on top of it by the script. */
import { formatUsd } from '#contract'
import type { FinishedCall } from '../../recent-calls.ts'
import type { Latest } from '../latest.ts'
import type { View } from '../look.ts'
import { dollarsText, figure, type Html, html, table, tag, text, time, type Tone, who } from '../ui.ts'

const SHOWN = 50
const COLUMNS = [...['ended (UTC)', 'call', 'consumer', 'outcome', 'connection'].map(text), ...['units', 'price', 'ms'].map(figure)]

export const calls: View = {
  title: () => 'Live calls',
  async show({ desk, feed }) {
    // What ends from now on comes by the stream.
    const after = await feed.now()
    const rows = (await desk.latest(SHOWN)).map(rowOf)
    return html`<p><span class="tag plain" id="live-state" role="status">recorded calls</span> <button type="button" id="live-switch" hidden>Hold</button> <span class="quiet" id="live-left"></span></p><div id="live-after" data-after="${after}"></div>
${table({ label: 'Finished calls, newest first', columns: COLUMNS, rows, id: 'live' })}
<p class="quiet">Newest first. While this page is open, calls appear within a second; <code>atlas report</code> and the ledger know all of them.</p>`
  },
}

const TONES: Readonly<Record<string, Tone>> = {
  charged: 'good',
  free: 'good',
  passed: 'plain',
  replayed: 'plain',
  refused: 'warn',
  abandoned: 'warn',
  unknown: 'bad',
}

const rowOf = ({ at, api, operation, consumer, connection, kind, code, units, price }: Latest): readonly Html[] => [
  ...[time(at, 19), html`${api} ${operation}`, who(consumer), tag(TONES[kind] ?? 'plain', code ?? kind), html`${connection ?? '–'}`],
  ...[html`${units}`, html`${dollarsText(price)}`, html`–`],
]

/** What the script puts into cells, as text: nothing of it is reckoned there. */
export function shownCall({ at, tookMs, api, operation, consumer, kind, code, connection, units, price, status }: FinishedCall): readonly string[] {
  const ended = new Date(at + tookMs).toISOString().slice(0, 19).replace('T', ' ')
  const outcome = code ?? kind
  return [
    ...[ended, `${api} ${operation}`, consumer, `${TONES[kind] ?? 'plain'} ${outcome} ${status}`],
    ...[connection ?? '–', String(units), dollarsText(formatUsd(BigInt(price))), String(tookMs)],
  ]
}
