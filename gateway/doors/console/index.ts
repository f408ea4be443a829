/**
 * The console: pages for the operator at /console of the admin port, made here and drawn without any file from elsewhere. Begin with
 * `views/`, one file a page; `desk.ts` asks the offices; `sessions.ts` and `forms.ts` say who may do what.
 */
import { addressSubject } from '#contract'
import { versionOf } from '../../ground/index.ts'
import type { Served } from '../admin.ts'
import type { Answer, Edge } from '../edge.ts'
import type { Guard, Refused } from '../guard.ts'
import type { DoorRequest, DoorResponse } from '../wire.ts'
import { acted, isAct, type Kept } from './acts.ts'
import { cookieOf, pageAnswer, plainAnswer, seeOther, setCookie } from './answers.ts'
import { Assets } from './assets.ts'
import { Attempts } from './attempts.ts'
import { Desk } from './desk.ts'
import { Feed } from './feed.ts'
import { formOf, provedBy } from './forms.ts'
import { actForm, type Look, type View } from './look.ts'
import { smallPage, viewPage } from './page.ts'
import { maskedCsrf, type Session, Sessions } from './sessions.ts'
import { streamCalls } from './stream.ts'
import { html, time } from './ui.ts'
import { views } from './views/index.ts'

export interface ConsoleParts {
  readonly guard: Guard
  readonly edge: Pick<Edge, 'answer'>
  served(): Served
}

const STREAM = 'calls/stream'

export class Console {
  readonly #parts: ConsoleParts
  readonly #assets = new Assets()
  readonly #sessions = new Sessions()
  readonly #attempts = new Attempts()
  readonly #desk: Desk
  readonly #feed: Feed
  readonly #kept: Kept = { vetted: new Map(), verified: undefined }
  readonly #version = versionOf()

  constructor(parts: ConsoleParts) {
    this.#parts = parts
    this.#desk = new Desk(() => parts.served())
    this.#feed = new Feed(() => this.#desk.finished())
  }

  async serve(request: DoorRequest, response: DoorResponse): Promise<void> {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    const answer = await this.#answer(request, response, path, query)
    if (answer !== undefined) this.#parts.edge.answer(response, answer)
  }

  /** Undefined where it was answered already. */
  async #answer(request: DoorRequest, response: DoorResponse, path: string, query: string): Promise<Answer | undefined> {
    const { guard } = this.#parts
    const refused = guard.needsToken ? this.#foreign(request) : guard.stranger(request)
    if (refused !== undefined) return this.#refusal(request, refused)
    const name = path.slice('/console/'.length)
    if (request.method === 'POST') return this.#posted(request, response, name)
    if (request.method !== 'GET' && request.method !== 'HEAD') return plainAnswer(405, 'the console takes GET and POST', ['allow', 'GET, HEAD, POST'])
    const asset = this.#assets.answer(request, path)
    if (asset !== undefined) return asset
    const session = this.#sessionOf(request)
    if (name === 'login') return session === undefined && guard.needsToken ? this.#loginPage(request, 200) : seeOther('/console')
    const view = views.get(name)
    if (session === undefined && guard.needsToken) return view === undefined ? plainAnswer(401, 'sign in at /console/login') : seeOther('/console/login')
    if (name === STREAM) return this.#stream(request, response)
    if (view === undefined) return this.#refusal(request, { status: 404, error: `there is no page ${path}` })
    return this.#view(request, name, view, query, session)
  }

  /** A form or a script of somebody else's page. Pages that only lead here are welcome: they carry no cookie with them. */
  #foreign(request: DoorRequest): Refused | undefined {
    return request.method === 'POST' && !this.#parts.guard.isOwnOrigin(request)
      ? { status: 403, error: 'this form came from a page of somebody else' }
      : undefined
  }

  #sessionOf(request: DoorRequest): Session | undefined {
    const id = cookieOf(request)
    return id === undefined ? undefined : this.#sessions.find(id, this.#parts.guard.tokenDigest, this.#desk.nowMs)
  }

  async #view(request: DoorRequest, name: string, view: View, query: string, found: Session | undefined): Promise<Answer> {
    const { guard } = this.#parts
    const opened = found === undefined ? this.#sessions.open(guard.tokenDigest, this.#desk.nowMs) : undefined
    const session = (found ?? opened?.session) as Session
    const { vetted, verified } = this.#kept
    const look: Look = { desk: this.#desk, feed: this.#feed, query: new URLSearchParams(query), csrf: maskedCsrf(session), vetted, verified }
    const content = await view.show(look)
    const { flash } = session
    session.flash = undefined
    const signOut = guard.needsToken ? actForm(look, { act: 'logout', button: 'Sign out', label: 'Sign out' }) : undefined
    const { mode, store } = this.#desk.config
    const foot = html`atlas ${this.#version}, gateway ${store.name}, ${time(this.#desk.nowMs, 19)} UTC`
    const page = viewPage({ assets: this.#assets, title: view.title(look), content, view: name, mode, flash, signOut, foot })
    return pageAnswer(request, 200, page, opened === undefined ? [] : setCookie(request, guard.scheme, opened.id))
  }

  #stream(request: DoorRequest, response: DoorResponse): Answer | undefined {
    if (request.method !== 'GET') return plainAnswer(405, 'a stream takes GET', ['allow', 'GET'])
    if (this.#feed.full) return plainAnswer(503, 'too many pages show live calls already; close one', ['retry-after', '10'])
    const isGood = (): boolean => !this.#parts.guard.needsToken || this.#sessionOf(request) !== undefined
    streamCalls(request, response, this.#feed, isGood)
    return undefined
  }

  async #posted(request: DoorRequest, response: DoorResponse, name: string): Promise<Answer | undefined> {
    const form = await formOf(request, response)
    if (!(form instanceof URLSearchParams)) return form
    if (name === 'login') return this.#login(request, form)
    const session = this.#sessionOf(request)
    if (session === undefined && this.#parts.guard.needsToken) return seeOther('/console/login')
    if (session === undefined || !provedBy(form, session))
      return this.#refusal(request, { status: 403, error: 'this form is not of this session; open the page again' })
    if (name === 'logout') return this.#logout(request)
    if (!isAct(name)) return this.#refusal(request, { status: 404, error: `there is no action ${name}` })
    const { flash, to } = await acted(name, this.#desk, form, this.#kept)
    session.flash = flash
    return seeOther(to)
  }

  /** Which address tries is what the socket says: nobody else is believed here. */
  #login(request: DoorRequest, form: URLSearchParams): Answer {
    const { guard } = this.#parts
    if (!guard.needsToken) return seeOther('/console')
    const address = addressSubject(request.socket.remoteAddress ?? '') ?? 'unknown'
    const nowMs = this.#desk.nowMs
    const waitMs = this.#attempts.waitMs(address, nowMs)
    if (waitMs > 0) return this.#loginPage(request, 429, Math.ceil(waitMs / 1000))
    if (!guard.isToken(form.get('token') ?? '')) {
      this.#attempts.failed(address, nowMs)
      this.#desk.served.gateway.ground.log.warn({ address }, 'console: a wrong admin token was shown')
      return this.#loginPage(request, 401)
    }
    const before = cookieOf(request)
    if (before !== undefined) this.#sessions.end(before)
    return seeOther('/console', setCookie(request, guard.scheme, this.#sessions.open(guard.tokenDigest, nowMs).id))
  }

  #logout(request: DoorRequest): Answer {
    const id = cookieOf(request)
    if (id !== undefined) this.#sessions.end(id)
    return seeOther('/console/login', setCookie(request, this.#parts.guard.scheme, undefined))
  }

  #loginPage(request: DoorRequest, status: 200 | 401 | 429, seconds = 0): Answer {
    const said = { 200: undefined, 401: 'That is not the admin token.', 429: `Too many wrong tokens. Try again in ${seconds} s.` }[status]
    const content = html`<h1>Sign in</h1>${said === undefined ? undefined : html`<p class="flash bad" role="alert">${said}</p>`}
<form method="post" action="/console/login"><label for="token">Admin token</label><input id="token" name="token" type="password" autocomplete="current-password" required autofocus><button type="submit">Sign in</button></form><p class="quiet">It is <code>admin.token</code> of the configuration.</p>`
    return pageAnswer(request, status, smallPage({ assets: this.#assets, title: 'Sign in', content }), status === 429 ? ['retry-after', String(seconds)] : [])
  }

  #refusal(request: DoorRequest, { status, error }: Refused): Answer {
    const content = html`<h1>${status}</h1><p role="alert">${error}</p><p><a href="/console">To the overview</a></p>`
    return pageAnswer(request, status, smallPage({ assets: this.#assets, title: String(status), content }))
  }
}
