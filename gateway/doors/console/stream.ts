/** Finished calls as server-sent events (HTML Living Standard, section 9.2), resumed by Last-Event-ID. */
import type { DoorRequest, DoorResponse } from '../wire.ts'
import { NOT_KEPT, SAFE } from './answers.ts'
import type { Feed, Turn } from './feed.ts'
import { shownCall } from './views/calls.ts'

const BEAT_MS = 15_000
/** Of one who does not read; then turns are left out until he does. */
const WAITING_BYTES = 256 * 1024

/** `isGood`: asked with each beat, so that a stream ends with its session. */
export function streamCalls(request: DoorRequest, response: DoorResponse, feed: Feed, isGood: () => boolean): void {
  response.writeHead(200, ['content-type', 'text/event-stream; charset=utf-8', ...SAFE, ...NOT_KEPT] as never)
  response.write('retry: 2000\n\n')
  let unread = 0
  const turned = ({ number, calls, leftOut }: Turn): void => {
    if (response.writableLength > WAITING_BYTES) {
      unread += calls.length + leftOut
      return
    }
    const data = JSON.stringify({ calls: calls.map(shownCall), left_out: leftOut + unread })
    unread = 0
    response.write(`id: ${number}\ndata: ${data}\n\n`)
  }
  const leave = feed.look(turned, lastId(request))
  const beat = setInterval(() => {
    if (!isGood()) response.end()
    else if (response.writableLength <= WAITING_BYTES) response.write(': still here\n\n')
  }, BEAT_MS).unref()
  response.once('close', () => {
    clearInterval(beat)
    leave()
  })
}

/** Of a browser that comes back, or of a page that was just made. */
function lastId({ headers, url = '' }: DoorRequest): number | undefined {
  const text = String(headers['last-event-id'] ?? new URLSearchParams(url.split('?', 2)[1]).get('after'))
  return /^\d{1,15}$/.test(text) ? Number.parseInt(text, 10) : undefined
}
