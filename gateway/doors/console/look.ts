/** What a view is given: the desk, what was asked, and a way to make forms that only our pages can send. */
import type { Check } from '../../office/marketplace.ts'
import type { Desk } from './desk.ts'
import type { Feed } from './feed.ts'
import { type Html, html } from './ui.ts'

/** What came of vetting a connection here, since the start. */
export interface Vetted {
  readonly atMs: number
  readonly checks: readonly Check[]
}

/** What reading the whole audit log again came to. */
export interface Verified {
  readonly atMs: number
  readonly ok: boolean
  readonly detail: string
}

export interface Look {
  readonly desk: Desk
  readonly feed: Pick<Feed, 'now'>
  readonly query: URLSearchParams
  /** Of this session; fills a hidden field. */
  readonly csrf: string
  readonly vetted: ReadonlyMap<string, Vetted>
  readonly verified: Verified | undefined
}

export interface View {
  readonly title: (look: Look) => string
  show(look: Look): Promise<Html>
}

/** `label`: what it does and to whom, where the button alone does not say. */
export interface ActOf {
  readonly act: string
  readonly fields?: Readonly<Record<string, string>>
  readonly button: string
  readonly label: string
  readonly more?: Html
}

export const actForm = ({ csrf }: Pick<Look, 'csrf'>, { act, fields = {}, button, label, more }: ActOf): Html =>
  html`<form method="post" action="/console/${act}">${hidden({ csrf, ...fields })}${more}<button type="submit" aria-label="${label}">${button}</button></form>`

const hidden = (fields: Readonly<Record<string, string>>): readonly Html[] =>
  Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)
