/** Payments are read where their bytes stand: what this gateway writes is, whatever the answer holds. */
import t from 'tap'
import { intentLine, lineOf } from '../../gateway/stores/lines.ts'
import { PaidScan } from '../../gateway/stores/paid-scan.ts'
import type { JournalRecord } from '../../gateway/stores/records.ts'
import { paid } from '../rig/paid-intent.ts'

t.test('an intent and a settlement as they are written are read by their bytes, with the characters of the answer', (t) => {
  const scan = new PaidScan()
  for (const body of ['', '{"a":"b"}', 'ü€😀\ud800\u0001"\\', '\\', '\n'.repeat(9), '","encoding":"utf8"}}', 'x'.repeat(5_000)]) {
    const intent = paid('rc_1', 3, body)
    for (const text of [JSON.stringify(intent), intentLine(intent, undefined)]) {
      const line = Buffer.from(`{"t":"before"}\n${text}\n`)
      const { sold, body: characters } = scan.intent(line, 15, line.length - 1) ?? {}
      t.equal(characters, body.length, body)
      t.match(sold, { id: 'rc_1', price: '150000', account: 'wallet:0xab', names: intent.names, once: intent.once, call: { consumer: 'wallet:0xab' } })
    }
  }
  const settled = lineOf({ t: 'settled', id: 'rc_1', transaction: '0x', headers: {}, at: 1 } as JournalRecord)
  t.equal(scan.settled(Buffer.from(`${settled}\n`), 0), 'rc_1')
  t.end()
})
