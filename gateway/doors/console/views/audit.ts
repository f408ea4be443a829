/** Who did what: the last lines of the audit log, and whether all of it is what was written. */
import type { Look, View } from '../look.ts'
import { actForm } from '../look.ts'
import { type Html, html, table, tag, text, time } from '../ui.ts'

const LINES = 100

export const audit: View = {
  title: () => 'Audit',
  async show(look: Look) {
    const owners = [...new Set(look.desk.config.connections.map(({ owner }) => owner))]
    const asked = look.query.get('owner') ?? ''
    const owner = owners.includes(asked) ? asked : undefined
    const { entries } = await look.desk.served.office.audit.tail({ limit: LINES, ...(owner === undefined ? {} : { owner }) })
    const rows = [...entries]
      .reverse()
      .map(({ at, action, actor, owner: whose, subject, detail, group, line }) => [
        ...[time(at, 19), html`${String(action)}`, html`${String(actor)}`, html`${String(whose ?? '–')}`, subjectOf(String(subject))],
        ...[html`${String(detail)}`, html`${String(group)}.${String(line)}`],
      ])
    const columns = ['when (UTC)', 'what', 'by', 'owner', 'of', 'detail', 'place'].map(text)
    return html`${proof(look)}<form method="get" action="/console/audit" class="line"><label for="owner">Owner</label> <select id="owner" name="owner"><option value="">everybody</option>${owners.map((name) => (name === owner ? html`<option selected>${name}</option>` : html`<option>${name}</option>`))}</select> <button type="submit">Show</button></form>
${table({ label: 'Audit log, newest first', columns, rows, empty: 'The audit log has no such line.' })}<p class="quiet">The last ${LINES} lines, newest first; <code>atlas audit tail</code> shows more.</p>`
  },
}

/** Digests and transactions are told apart by their beginning. */
const subjectOf = (subject: string): Html =>
  /^(0x)?[0-9a-f]{40,}$/i.test(subject) ? html`<span title="${subject}">${subject.slice(0, 12)}…</span>` : html`${subject}`

function proof(look: Look): Html {
  const { verified } = look
  const said =
    verified === undefined
      ? html`${tag('plain', 'not verified')} since the start`
      : html`${verified.ok ? tag('good', 'verified') : tag('bad', 'failed')} ${time(verified.atMs, 19)} UTC: ${verified.detail}`
  return html`<div class="line"><p>${said}</p>${actForm(look, { act: 'verify', button: 'Verify', label: 'Read the whole audit log again and verify it' })}</div>`
}
