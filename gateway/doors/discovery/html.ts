/** A page: one style and nothing that runs, nothing from elsewhere, in no frame; and the only way from text into it. */
import { createHash } from 'node:crypto'
import type { Answer } from '../edge.ts'

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--ink:#18181b;--paper:#fff;--quiet:#52525b;--ground:#f4f4f5;--mark:#8a4b00;--link:#0b57d0}
@media(prefers-color-scheme:dark){:root{--ink:#e8e8ea;--paper:#131316;--quiet:#a8a8b0;--ground:#1f1f23;--mark:#ffb454;--link:#8ab4f8}}
*{box-sizing:border-box}a{color:var(--link)}body{background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1.5rem 1rem 4rem;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2}h2{font-size:1.25rem;margin-top:2.5rem}h3{font-size:1rem;margin-bottom:.3rem}p,li{max-width:46rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line);overflow-wrap:normal}
th{font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}code,pre{font:.875em/1.5 ui-monospace,Menlo,Consolas,monospace}
pre{background:var(--ground);border:1px solid var(--line);border-radius:6px;padding:.8rem;overflow-x:auto;overflow-wrap:normal;user-select:all;-webkit-user-select:all}
.quiet{color:var(--quiet)}.mark{color:var(--mark);font-weight:600;white-space:nowrap}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dd{margin:0}
:focus-visible{outline:2px solid;outline-offset:2px}@media(max-width:32rem){dl{grid-template-columns:1fr}dt{font-weight:600}}
`

const POLICY = [
  `default-src 'none'`,
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ')

/** May be kept, and is asked for again each time: what is in it may have changed. */
export const PAGE_FIELDS = ['cache-control', 'no-cache', 'vary', 'accept, accept-encoding']

const FIELDS = [
  ...['content-type', 'text/html; charset=utf-8', 'content-security-policy', POLICY, 'x-frame-options', 'DENY', 'referrer-policy', 'no-referrer'],
  ...['cross-origin-opener-policy', 'same-origin', ...PAGE_FIELDS],
]

/** Text that is safe as content and in a quoted attribute. Made by `html` alone. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | Html | readonly Html[] | undefined

/** Whatever is put into it is escaped, unless it is Html itself. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  let text = strings[0] ?? ''
  for (const [at, part] of parts.entries()) text += written(part) + (strings[at + 1] ?? '')
  return new Html(text)
}

function written(part: Part): string {
  if (part === undefined) return ''
  if (part instanceof Html) return part.text
  if (typeof part === 'object') return part.map(({ text }) => text).join('')
  return String(part).replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`)
}

/** A link leads to a page of ours or by http to another; anything else is only text. */
export const link = (href: string, words: string): Html => (/^(?:https?:\/\/|\/(?!\/)|#)/i.test(href) ? html`<a href="${href}">${words}</a>` : html`${words}`)

/** Scrolls by itself where it is wider than the page, by keyboard too. */
export const code = (label: string, words: string): Html => html`<pre tabindex="0" aria-label="${label}"><code>${words}</code></pre>`

export const table = (label: string, heads: readonly Html[], rows: readonly Html[]): Html =>
  html`<div class="wide" tabindex="0" role="region" aria-label="${label}"><table><thead><tr>${heads}</tr></thead><tbody>${rows}</tbody></table></div>`

export const pageAnswer = (title: string, content: Html): Answer => ({ status: 200, headers: FIELDS, body: whole(title, content).text })

const whole = (title: string, content: Html): Html =>
  html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${title}</title><style>${new Html(STYLE)}</style></head><body><main>${content}</main></body></html>`

export const wantsJson = (accept = ''): boolean => accept.includes('application/json') && !accept.includes('text/html')

export const jsonAnswer = (value: unknown, cache?: 'no-store'): Answer => ({
  status: 200,
  headers: ['content-type', 'application/json', ...(cache === undefined ? PAGE_FIELDS : ['cache-control', cache])],
  body: JSON.stringify(value),
})
