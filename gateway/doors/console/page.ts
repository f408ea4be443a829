/** The frame of every page: where one is, where one can go, what was just done. */
import type { Assets } from './assets.ts'
import type { Flash } from './sessions.ts'
import { type Html, html } from './ui.ts'

const VIEWS = [
  ['', 'Overview'],
  ['connections', 'Connections'],
  ['consumers', 'Consumers'],
  ['calls', 'Live calls'],
  ['x402', 'x402'],
  ['audit', 'Audit'],
  ['configuration', 'Configuration'],
] as const

export const pathOfView = (name: string): string => (name === '' ? '/console' : `/console/${name}`)

interface PageOf {
  readonly assets: Assets
  readonly title: string
  readonly content: Html
}

const bare = ({ assets, title, content }: PageOf): Html =>
  html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><title>${title} · atlas</title><link rel="icon" href="${assets.icon}"><link rel="stylesheet" href="${assets.style}"><script src="${assets.chartScript}" defer></script><script src="${assets.script}" type="module"></script></head><body>${content}</body></html>`

/** For who is not signed in, and for what went wrong. */
export const smallPage = (of: PageOf): Html => bare({ ...of, content: html`<main class="small" id="main"><p class="brand">atlas</p>${of.content}</main>` })

export interface ViewPage extends PageOf {
  readonly view: string
  readonly mode: string
  readonly flash: Flash | undefined
  /** Undefined where nobody has to sign in. */
  readonly signOut: Html | undefined
  readonly foot: Html
}

export function viewPage({ view, mode, flash, signOut, foot, ...of }: ViewPage): Html {
  const links = VIEWS.map(([name, words]) =>
    name === view ? html`<li><a href="${pathOfView(name)}" aria-current="page">${words}</a></li>` : html`<li><a href="${pathOfView(name)}">${words}</a></li>`,
  )
  const said =
    flash === undefined ? undefined : html`<p class="flash ${flash.good ? 'good' : 'bad'}" role="${flash.good ? 'status' : 'alert'}">${flash.text}</p>`
  return bare({
    ...of,
    content: html`<a class="skip" href="#main">Skip to content</a>
<header><div class="bar"><a class="brand" href="/console">atlas</a><span class="tag ${mode === 'live' ? 'good' : 'plain'}">${mode}</span><nav aria-label="Views"><ul>${links}</ul></nav>${signOut}</div></header>
<main id="main" tabindex="-1"><h1>${of.title}</h1>${said}${of.content}</main><footer class="quiet">${foot}</footer>`,
  })
}
