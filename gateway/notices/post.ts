/** One request to a webhook: bounded in time, nothing followed, next to nothing read. Where it may lead is the dispatcher's business. */
import { type Dispatcher, request } from 'undici'
import type { Post } from './lane.ts'

const WITHIN_MS = 5_000
const READ_BYTES = 1_024

/** `dispatcher` refuses addresses that are not public, unless they are allowed. */
export function posting(dispatcher: Dispatcher): Post {
  return async (url, body, signed, stopped) => {
    const signal = AbortSignal.any([stopped, AbortSignal.timeout(WITHIN_MS)])
    const headers = { 'content-type': 'application/json', 'user-agent': 'atlas-gateway', ...signed }
    const { statusCode, body: answer } = await request(url, { method: 'POST', headers, body, dispatcher, signal, reset: true })
    await answer.dump({ limit: READ_BYTES }).catch(() => undefined)
    return statusCode
  }
}
