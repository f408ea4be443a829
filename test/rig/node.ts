/** A node between the gateway and the real chain, which a test can make slow, silent or wrong, question by question. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Teardown } from './folder.ts'

interface Question {
  readonly method: string
  readonly params: readonly unknown[]
}

interface Said {
  readonly status?: number
  readonly text: string
}

/** What is answered; `forward` asks the real node. A promise that never resolves is a node that is silent. */
export type Manner = (question: Question, forward: () => Promise<string>) => Promise<Said | string>

export interface PlayNode {
  readonly url: string
  /** Every method that was asked, in order. */
  readonly asked: readonly string[]
  manner: Manner
}

export const honest: Manner = (_, forward) => forward()

/** Closed with the test. */
export async function startNode(t: Teardown, behind: string): Promise<PlayNode> {
  const asked: string[] = []
  const answer = async (body: string, response: ServerResponse): Promise<void> => {
    const question = JSON.parse(body) as Question
    asked.push(question.method)
    const forward = async (): Promise<string> => (await fetch(behind, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).text()
    const said = await node.manner(question, forward)
    const { status = 200, text } = typeof said === 'string' ? { text: said } : said
    response.writeHead(status, { 'content-type': 'application/json' }).end(text)
  }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => void answer(body, response).catch(() => response.destroy()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const node: PlayNode = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, manner: honest }
  return node
}
