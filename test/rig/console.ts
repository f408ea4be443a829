/** The console by hand: single requests, the cookie and the proof that pages give. */
import type { Rig } from './gateway.ts'
import { raw, type RawAnswer } from './raw.ts'

export const TOKEN = 'an-admin-token-of-some-length'

export const hostOf = (rig: Rig): string => new URL(rig.adminUrl).host
export const originOf = (rig: Rig): string => `Origin: http://${hostOf(rig)}`

export interface Asked {
  readonly fields?: readonly string[]
  readonly host?: string
  readonly form?: Readonly<Record<string, string>>
}

/** One request by hand: fields as they stand, and no others. */
export function ask(rig: Rig, line: string, { fields = [], host = hostOf(rig), form }: Asked = {}): Promise<RawAnswer> {
  const body = form === undefined ? '' : new URLSearchParams(form).toString()
  const typed = form === undefined ? [] : ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`]
  return raw(rig.adminUrl, [`${line} HTTP/1.1`, `Host: ${host}`, ...typed, ...fields, '', body].join('\r\n'))
}

export const cookieIn = ({ headers }: RawAnswer): string => `Cookie: ${(headers['set-cookie'] ?? '').split(';')[0]}`
export const csrfIn = ({ text }: RawAnswer): string => /name="csrf" value="([\w-]+)"/.exec(text)?.[1] ?? ''

/** With the token where one is needed. */
export async function session(rig: Rig): Promise<{ readonly cookie: string; readonly csrf: string }> {
  const first = await ask(rig, 'GET /console/connections')
  const entered = first.status === 303 ? await ask(rig, 'POST /console/login', { form: { token: TOKEN }, fields: [originOf(rig)] }) : first
  const cookie = cookieIn(entered)
  const page = first.status === 303 ? await ask(rig, 'GET /console/connections', { fields: [cookie] }) : first
  return { cookie, csrf: csrfIn(page) }
}
