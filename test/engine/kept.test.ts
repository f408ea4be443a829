/** An answer that a plugin may have: who leaves while it is awaited gets nothing sent, and who leaves afterwards ends what was sent. */

import t from 'tap'
import type { KeptAnswer } from '#contract'
import { ageOf, keptOrSent } from '../../gateway/engine/kept.ts'
import { settled } from '../rig/store.ts'

const ANSWER = { status: 200, headers: ['a', 'b'], body: Buffer.from('{}'), atMs: 1_000 } as unknown as KeptAnswer

/** What happens to one call for which a plugin answers with this. */
function asked(answer: () => unknown): { readonly said: string[]; readonly attempt: ReturnType<typeof keptOrSent> } {
  const said: string[] = []
  const sent = { sent: true, abort: () => void said.push('aborted') }
  const ports = { transport: {}, health: { send: () => said.push('sent') && sent } }
  const heard = {
    head: (status: number) => said.push(`head ${status}`),
    data: (body: Buffer) => said.push(`data ${body}`),
    end: () => said.push('end'),
    error: (error: Error, isSent: boolean) => said.push(`error ${error.message} ${isSent}`),
  }
  const attempt = keptOrSent(ports as never, { chain: { answer } } as never, {} as never, heard as never)
  return { said, attempt }
}

t.test('what a plugin has is the answer, at once or when it comes, and nothing is sent', async (t) => {
  for (const answer of [() => ANSWER, () => Promise.resolve(ANSWER)]) {
    const { said, attempt } = asked(answer)
    await settled()
    t.strictSame(said, ['head 200', 'data {}', 'end'])
    t.equal(attempt?.sent, false)
  }
})

t.test('what it does not have is sent, and counts as sent from then on; whoever leaves ends it', async (t) => {
  t.strictSame(asked(() => undefined).said, ['sent'])
  const { said, attempt } = asked(() => Promise.resolve(undefined))
  t.strictSame([attempt?.sent, said], [false, []])
  await settled()
  t.strictSame([attempt?.sent, said], [true, ['sent']])
  attempt?.abort()
  t.strictSame(said, ['sent', 'aborted'])
})

t.test('who leaves while it is awaited hears nothing more, whatever comes', async (t) => {
  for (const answer of [() => Promise.resolve(ANSWER), () => Promise.resolve(undefined), () => Promise.reject(new Error('x'))]) {
    const { said, attempt } = asked(answer)
    attempt?.abort()
    await settled()
    t.strictSame(said, [])
  }
})

t.test('a plugin that fails fails the attempt, and nothing was sent', async (t) => {
  const failing = () => {
    throw new Error('x')
  }
  for (const answer of [failing, async () => failing()]) {
    const { said, attempt } = asked(answer)
    await settled()
    t.strictSame([said, attempt?.sent], [['error x false'], false])
  }
})

t.test('its age is whole seconds, and never less than none', async (t) => {
  t.strictSame([ageOf(ANSWER, 999), ageOf(ANSWER, 1_999), ageOf(ANSWER, 2_000)], ['0', '0', '1'])
})
