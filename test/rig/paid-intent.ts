/** An intent as the embedded store writes one, of a payment with so many letters and an answer. */
import type { Intended } from '../../gateway/stores/records.ts'

const digest = 'a'.repeat(64)

export const paid = (id: string, letters: number, body: string): Intended =>
  ({
    ...{ t: 'intent', id, at: 1, connection: 'nansen', owner: 'o', period: 0, units: 1, price: '150000', platform: '15000', by: 'x402' },
    ...{ account: 'wallet:0xab', api: 'nansen', operation: 'a b/c-d.e', subject: { requestDigest: digest, answerDigest: digest } },
    ...{ names: [{ name: `p:${id}`, digest, until: 9 }], once: [{ key: `0xab:${id}`, until: 9 }] },
    call: { v: 3, id: 'q', at: 1, generation: 1, config: digest, upstreamMs: 2, tookMs: 3 },
    payment: { network: 'eip155:1', payer: '0xab', amount: '150000', payload: { text: 'ü'.repeat(letters) }, requirements: {} },
    answer: { status: 200, headers: ['content-type', 'application/json'], body, encoding: 'utf8' },
  }) as unknown as Intended
