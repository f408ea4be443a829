/** Receipts of a gateway that has sold something, asked for as a door would. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRefusal, type Refusal } from '#contract'
import { type PageAnswer, Receipts } from '../../gateway/office/receipts.ts'
import { FileShelf, SigningKeys } from '../../gateway/vault/index.ts'
import type { Teardown } from './folder.ts'
import { BALANCE, bearer, openGateway, type Rig, sandbox, WALLET } from './gateway.ts'

export interface Desk extends Rig {
  readonly receipts: Receipts
  readonly keys: SigningKeys
  /** Id of the receipt of a call that was charged, and the body of its answer. */
  sold(): Promise<{ id: string; body: string; key: string }>
  page(path: string, more?: { method?: string; accept?: string; contentType?: string; body?: string }): Promise<PageAnswer | Refusal>
}

export async function openReceipts(t: Teardown, books?: { charged: Rig['gateway']['ground']['books']['charged'] }): Promise<Desk> {
  const rig = await openGateway(t, sandbox())
  const { ground } = rig.gateway
  const keys = new SigningKeys(new FileShelf(ground.config.store.path), ground.clock)
  const receipts = new Receipts({
    ...{ books: books ?? ground.books, signer: keys, clock: ground.clock, log: ground.log, origin: () => rig.publicUrl },
    reportsFile: join(ground.config.store.path, 'reports.jsonl'),
  })
  return {
    ...{ ...rig, receipts, keys },
    sold: async () => {
      const { key } = await rig.key({ credits: '$5' })
      const answer = await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })
      if (answer.status !== 200) throw new Error(answer.text)
      return { id: answer.headers['x-atlas-receipt'] ?? '', body: answer.text, key }
    },
    page: (path, { method = 'GET', accept, contentType, body = '' } = {}) => receipts.answer({ method, path, accept, contentType, body: Buffer.from(body) }),
  }
}

export const bodyOf = (answer: PageAnswer | Refusal): string => {
  if (isRefusal(answer)) throw new Error(`${answer.code}: ${answer.detail}`)
  return answer.body
}
export type Members = Record<string, unknown>
export const jsonOf = (answer: PageAnswer | Refusal): Members => JSON.parse(bodyOf(answer)) as Members
/** Written to the gateway's folder. */
export const kept = (rig: Desk, name: string, text: string): string => {
  const file = join(rig.folder, name)
  writeFileSync(file, text)
  return file
}
