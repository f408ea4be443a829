/** Forms that are sent: read to a limit, and proven to come from a page that was made for this session. */
import { timingSafeEqual } from 'node:crypto'
import type { Answer } from '../edge.ts'
import { readBody } from '../body.ts'
import type { DoorRequest, DoorResponse } from '../wire.ts'
import { plainAnswer } from './answers.ts'
import { type Session, unmaskedCsrf } from './sessions.ts'

const FORM_BYTES = 8 * 1024

/** The form; what is to be answered in its place; undefined: whoever sent it is gone. */
export function formOf(request: DoorRequest, response: DoorResponse): Promise<URLSearchParams | Answer | undefined> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? ''))
    return Promise.resolve(plainAnswer(415, 'a form is application/x-www-form-urlencoded'))
  return new Promise((resolve) =>
    readBody(request, response, FORM_BYTES, (read) => {
      if ('gone' in read) resolve(undefined)
      else if ('body' in read) {
        resolve(new URLSearchParams(read.body.toString('utf8')))
        // It may have held the admin token.
        read.body.fill(0)
      } else resolve(plainAnswer(413, read.refusal.detail))
    }),
  )
}

export function provedBy(form: URLSearchParams, { csrf }: Session): boolean {
  const shown = unmaskedCsrf(form.get('csrf') ?? '')
  return shown !== undefined && timingSafeEqual(shown, csrf)
}
