/** Receipts, the keys to check them, and reports of bad answers, over HTTP; what is answered is the office's. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isRefusal, type Refusal, refuse } from '#contract'
import type { Receipts } from '../office/receipts.ts'
import { readBody } from './body.ts'
import { HttpSink } from './request.ts'

/** A reason of 500 characters, each escaped, with room. */
const BODY_BYTES = 8 * 1024

export interface PageRequest {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Without the query. */
  readonly path: string
  /** X-Request-Id */
  readonly id: string
}

/** What a door does with what is no answer. */
export interface Otherwise {
  refuse(refusal: Refusal): void
  failed(cause: unknown): void
}

export function serveReceipts(receipts: Receipts, { request, response, path, id }: PageRequest, otherwise: Otherwise): void {
  readBody(request, BODY_BYTES, (read) => {
    if ('gone' in read) return
    if ('tooLarge' in read) return otherwise.refuse(refuse('body_too_large', `the body is over ${BODY_BYTES} bytes`))
    const { method = '', headers } = request
    receipts
      .answer({ method, path, accept: headers.accept, contentType: headers['content-type'], body: read.body })
      .then((answer) => {
        if (isRefusal(answer)) return otherwise.refuse(answer)
        const fields = ['content-type', answer.type, 'cache-control', answer.cache, 'x-content-type-options', 'nosniff', 'x-request-id', id]
        new HttpSink(response).answer(answer.status, fields, answer.body)
      })
      .catch((cause: unknown) => otherwise.failed(cause))
  })
}
