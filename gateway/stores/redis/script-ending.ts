/** The moves that end a hold, each once. Repeated they are answered from what the group came to (script-moves.ts). */
import { script } from './link.ts'
import { COMMON, HOLDS } from './script-parts.ts'
import { PACES, STATE } from './script-state.ts'

/** What is stored of an answer: bounded by size, oldest out first. */
const ANSWERS = `
-- What is left of the arguments of a move: nothing, or an answer and until when.
local keepAnswer = function(receipt)
  if at >= upto then return end
  local answer, untilMs = arg(), tonumber(arg())
  if untilMs <= nowMs then return end
  local size = string.len(answer) + 512
  if size > budget then return end
  call('SET', P .. 'r:' .. receipt, answer, 'PXAT', int(untilMs))
  call('RPUSH', P .. 'answers', int(size) .. ' ' .. receipt)
  local sum = call('INCRBY', P .. 'answered', int(size))
  local steps = 0
  while sum > budget and steps < 100 do
    local oldest = call('LPOP', P .. 'answers')
    if not oldest then break end
    local bytes, name = string.match(oldest, '^(%d+) (.*)$')
    call('DEL', P .. 'r:' .. name)
    sum = call('DECRBY', P .. 'answered', bytes)
    steps = steps + 1
  end
end
`

const CHARGED = `
local charged = function(h, units, price)
  freeUnits(h)
  if h.b == 'owner' then count(h.t, 'o', units) else count(h.t, 's', units) end
  if price > 0 then count(h.t, 'r', price) end
  freeMoney(h)
  freeSlots(h)
  setShares(h, units)
  setNames(h, 'charged')
  keepOnce(h)
end
-- A hold that is not there was swept.
local gone = function(id) return { call('GET', P .. 'f:' .. id) or 'gone' } end
`

/** C: charged to credits, or free for an owner. */
const COMMIT = `
moves.commit = function(id)
  local units, price, line = tonumber(arg()), tonumber(arg()), arg()
  local h = hold(id)
  if not h or h.s ~= 'R' then return gone(id) end
  charged(h, units, price)
  if h.b == 'credits' then post(h.a, 'p', -price) end
  setSpent(h, price)
  keepAnswer(id)
  says(line)
  forget(h)
  return { 'charged' }
end
`

/** S: the intent to settle, with the answer; of a purchase or of a call that is paid upfront, with the account that it buys for. No deadline from here on. */
const INTEND = `
moves.intend = function(id)
  local units, price, account, line = tonumber(arg()), tonumber(arg()), arg(), arg()
  local h = hold(id)
  if not h then return gone(id) end
  if h.i then return { 'intended' } end
  call('SET', P .. 'i:' .. id, line)
  h.s = 'S' h.i = '1' h.iu = units h.ip = price
  if account ~= '' then h.k = account end
  keep(id, h)
  setNames(h, 'settling')
  says(line)
  return { 'intended' }
end
`

/** Its outcome. Credit that a call is to follow for is held for it in the same move. */
const BOUGHT = `
moves.bought = function(id)
  local state, line = arg(), arg()
  local h = hold(id)
  if not h then return gone(id) end
  if not h.i then return { 'none' } end
  if state == 'unknown' then
    h.s = 'U'
    call('SADD', P .. 'unknown', id)
    keep(id, h)
    freeSlots(h)
    giveUpCall(h)
    setNames(h, 'unknown')
    return { 'unknown' }
  end
  call('SREM', P .. 'unknown', id)
  says(line)
  if state == 'settled' then
    call('SADD', P .. 'accounts', h.k)
    post(h.k, 'p', h.ip)
    keepOnce(h)
    if h.t then
      post(h.k, 'h', h.ip)
      call('DEL', P .. 'i:' .. id)
      h.s = 'R' h.b = 'credits' h.a = h.k h.m = h.ip h.y = h.ip h.o = nil h.d = '1'
      h.i = nil h.iu = nil h.ip = nil h.k = nil
      keep(id, h)
      setNames(h, 'waiting')
      return { 'prepaid' }
    end
    freeSlots(h)
    setNames(h, 'charged')
    forget(h)
    return { 'charged' }
  end
  freeSlots(h)
  giveUpCall(h)
  freeNames(h)
  forget(h)
  return { 'void' }
end
`

const RESOLVE = `
moves.resolve = function(id)
  local state, line, distrust = arg(), arg(), arg()
  local h = hold(id)
  if not h then return gone(id) end
  if not h.i then return { 'none' } end
  if state == 'unknown' then
    h.s = 'U'
    call('SADD', P .. 'unknown', id)
    keep(id, h)
    freeSlots(h)
    setNames(h, 'unknown')
    return { 'unknown' }
  end
  call('SREM', P .. 'unknown', id)
  says(line)
  if state == 'settled' then
    charged(h, h.iu, h.ip)
    keepAnswer(id)
    forget(h)
    return { 'charged' }
  end
  freeUnits(h)
  count(h.t, 'w', h.iu)
  if distrust == '1' then call('SADD', P .. 'upfront', string.sub(h.a, 8)) end
  freeSlots(h)
  giveBack(h)
  freeNames(h)
  forget(h)
  return { 'void' }
end
`

const RELEASE = `
moves.release = function(id)
  local fate = arg()
  local h = hold(id)
  if not h then return { 'gone' } end
  if h.i then return { 'intended' } end
  freeUnits(h)
  if fate == 'wasted' and h.t and h.u > 0 then wasted(h) end
  freeMoney(h)
  freeSlots(h)
  giveBack(h)
  freeNames(h)
  forget(h)
  return { 'released' }
end
`

export const ENDING = ANSWERS + CHARGED + COMMIT + INTEND + BOUGHT + RESOLVE + RELEASE

/** A process that is gone: what it only held is given up, what it was settling is taken over by the caller. */
export const SWEEP = script(`${COMMON}${STATE}${PACES}${HOLDS}
local dead, me, ledger, most = arg(), arg(), arg(), tonumber(arg())
if call('EXISTS', P .. 'alive:' .. dead) == 1 then return 0 end
home = dead
local ids = call('HRANDFIELD', P .. 'holds:' .. dead, most)
for _, id in ipairs(ids) do
  local h = hold(id)
  freeSlots(h)
  if h.i then
    h.s = 'U'
    call('SADD', P .. 'unknown', id)
    if h.k then giveUpCall(h) end
    setNames(h, 'unknown')
    h.changed = nil h.id = nil
    call('HSET', P .. 'holds:' .. me, id, cmsgpack.pack(h))
    h.gone = true
  else
    freeUnits(h)
    if h.t and h.u > 0 then wasted(h) end
    freeMoney(h)
    giveBack(h)
    if h.d == '1' then
      setNames(h, 'lost')
      freeOnce(h)
    else freeNames(h) end
    call('SET', P .. 'f:' .. id, 'swept', 'EX', 300)
    forget(h)
  end
end
flush(ledger)
if #ids < most then
  call('SREM', P .. 'procs', dead)
  call('EXPIRE', P .. 'done:' .. dead, 86400)
end
return #ids
`)

export const REFUND = script(`${COMMON}
local id, account, price, ledger, line = arg(), arg(), arg(), arg(), arg()
if call('SADD', P .. 'refunds', id) == 0 then return 0 end
call('SADD', P .. 'accounts', account)
call('HINCRBY', P .. 'a:' .. account, 'p', price)
out(ledger, line)
return 1
`)
