/** Payments that nobody has verified hold little: 8 an address, a twentieth of a pool; the next waits for its turn, a moment at most. */

import t from 'tap'
import { Unverified } from '../../gateway/engine/unverified.ts'

const asking = (more: object = {}) => ({ address: '203.0.113.7', pool: 'nansen', forSale: 7_000, units: 1, ...more })

t.test('eight an address, loopback exempt', async (t) => {
  const room = new Unverified()
  const inside = Array.from({ length: 8 }, () => room.enter(asking()))
  t.ok(inside.every((leave) => leave !== undefined))
  t.equal(room.enter(asking()), undefined)
  t.ok(room.enter(asking({ address: '203.0.113.8' })), 'another address has room of its own')
  for (let count = 0; count < 100; count++) t.ok(room.enter(asking({ address: undefined })))
})

t.test('a twentieth of what the pool sells, and always one call', async (t) => {
  const room = new Unverified()
  const many = asking({ address: undefined, forSale: 100 })
  for (let count = 0; count < 5; count++) t.ok(room.enter(many))
  t.equal(room.enter(many), undefined)
  t.ok(room.enter({ ...many, pool: 'kaito' }))
  const small = new Unverified()
  const one = asking({ address: undefined, pool: 'small', forSale: 3, units: 2 })
  const leave = small.enter(one)
  t.ok(leave, 'one call, however few units there are')
  t.equal(small.enter(one), undefined)
  leave?.()
  leave?.()
  t.ok(small.enter(one), 'leaving twice leaves once')
  t.equal(small.enter(one), undefined)
})

t.test('who waits comes in when another leaves, and is told when nobody does', async (t) => {
  const room = new Unverified()
  const inside = Array.from({ length: 8 }, () => room.enter(asking()) as () => void)
  const [first, second] = [room.wait(asking()), room.wait(asking())]
  inside[0]?.()
  const leave = await first
  t.type(leave, 'function')
  leave?.()
  t.type(await second, 'function', 'in the order of their coming')
  t.ok((await room.wait(asking({ pool: 'kaito' }))) === undefined, 'its turn did not come')
})
