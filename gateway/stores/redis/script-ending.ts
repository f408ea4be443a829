/** The scripts that end a hold, each once: a second time they answer what became of it. */
import { script } from './link.ts'
import { COMMON, HOLDS, PACES } from './script-parts.ts'

/** What is stored of an answer: bounded by size, oldest out first. */
const ANSWERS = `
local keepAnswer = function(receipt, answer, untilMs, budget)
  if answer == '' or untilMs <= nowMs then return end
  local size = string.len(answer) + 512
  if size > budget then return end
  redis.call('SET', P .. 'r:' .. receipt, answer, 'PXAT', int(untilMs))
  redis.call('RPUSH', P .. 'answers', int(size) .. ' ' .. receipt)
  local sum = redis.call('INCRBY', P .. 'answered', int(size))
  local steps = 0
  while sum > budget and steps < 100 do
    local oldest = redis.call('LPOP', P .. 'answers')
    if not oldest then break end
    local bytes, name = string.match(oldest, '^(%d+) (.*)$')
    redis.call('DEL', P .. 'r:' .. name)
    sum = redis.call('DECRBY', P .. 'answered', bytes)
    steps = steps + 1
  end
end
`

const CHARGED = `
local charged = function(id, h, units, price)
  freeUnits(h)
  local field = 's'
  if h.b == 'owner' then field = 'o' end
  redis.call('HINCRBY', P .. 't:' .. h.t, field, int(units))
  if price > 0 then redis.call('HINCRBY', P .. 't:' .. h.t, 'r', int(price)) end
  freeMoney(h)
  freeSlots(id, h)
  setShares(h, units)
  h.id = id
  setNames(h, 'charged')
  keepOnce(h)
end
`

/** C: charged to credits, or free for an owner. */
export const COMMIT = script(`${COMMON}${PACES}${HOLDS}${ANSWERS}${CHARGED}
local id, units, price, ledger, line, answer, till, budget = arg(), tonumber(arg()), tonumber(arg()), arg(), arg(), arg(), tonumber(arg()), tonumber(arg())
local before = redis.call('GET', P .. 'f:' .. id)
if before then return before end
local h = hold(id)
if not h or h.s ~= 'R' then return 'gone' end
charged(id, h, units, price)
if h.b == 'credits' then redis.call('HINCRBY', P .. 'a:' .. h.a, 'p', int(-price)) end
setSpent(h, price)
keepAnswer(id, answer, till, budget)
out(ledger, line)
forget(id, h, 'charged')
return 'charged'
`)

/** S: the intent to settle, with the answer. From here on the hold has no deadline. */
export const INTEND = script(`${COMMON}${PACES}${HOLDS}
local id, units, price, ledger, line = arg(), arg(), arg(), arg(), arg()
local h = hold(id)
if not h then return redis.call('GET', P .. 'f:' .. id) or 'gone' end
if h.i then return 'intended' end
redis.call('HSET', P .. 'h:' .. id, 's', 'S', 'i', line, 'iu', units, 'ip', price)
h.id = id
setNames(h, 'settling')
out(ledger, line)
return 'intended'
`)

/** S of a purchase, or of a call that is paid upfront. */
export const BUY = script(`${COMMON}${PACES}${HOLDS}
local id, account, price, ledger, line = arg(), arg(), arg(), arg(), arg()
local h = hold(id)
if not h then return redis.call('GET', P .. 'f:' .. id) or 'gone' end
if h.i then return 'intended' end
redis.call('HSET', P .. 'h:' .. id, 's', 'S', 'i', line, 'iu', '0', 'ip', price, 'k', account)
h.id = id
setNames(h, 'settling')
out(ledger, line)
return 'intended'
`)

/** Its outcome. Credit that a call is to follow for is held for it in the same move. */
export const BOUGHT = script(`${COMMON}${PACES}${HOLDS}
local id, state, ledger, line = arg(), arg(), arg(), arg()
local h = hold(id)
if not h then return redis.call('GET', P .. 'f:' .. id) or 'gone' end
if not h.i then return 'none' end
h.id = id
if state == 'unknown' then
  redis.call('HSET', P .. 'h:' .. id, 's', 'U')
  redis.call('SADD', P .. 'unknown', id)
  freeSlots(id, h)
  giveUpCall(id, h)
  setNames(h, 'unknown')
  return 'unknown'
end
redis.call('SREM', P .. 'unknown', id)
out(ledger, line)
if state == 'settled' then
  redis.call('SADD', P .. 'accounts', h.k)
  redis.call('HINCRBY', P .. 'a:' .. h.k, 'p', h.ip)
  keepOnce(h)
  if h.t then
    redis.call('HSET', P .. 'h:' .. id, 's', 'R', 'b', 'credits', 'a', h.k, 'm', h.ip, 'y', h.ip, 'o', '', 'd', '1')
    redis.call('HDEL', P .. 'h:' .. id, 'i', 'iu', 'ip', 'k')
    redis.call('HINCRBY', P .. 'a:' .. h.k, 'h', h.ip)
    setNames(h, 'waiting')
    return 'prepaid'
  end
  freeSlots(id, h)
  setNames(h, 'charged')
  forget(id, h, 'charged')
  return 'charged'
end
freeSlots(id, h)
giveUpCall(id, h)
freeNames(h)
forget(id, h, 'void')
return 'void'
`)

export const RESOLVE = script(`${COMMON}${PACES}${HOLDS}${ANSWERS}${CHARGED}
local id, state, ledger, line, answer, till, budget, distrust = arg(), arg(), arg(), arg(), arg(), tonumber(arg()), tonumber(arg()), arg()
local h = hold(id)
if not h then return redis.call('GET', P .. 'f:' .. id) or 'gone' end
if not h.i then return 'none' end
h.id = id
if state == 'unknown' then
  redis.call('HSET', P .. 'h:' .. id, 's', 'U')
  redis.call('SADD', P .. 'unknown', id)
  freeSlots(id, h)
  setNames(h, 'unknown')
  return 'unknown'
end
redis.call('SREM', P .. 'unknown', id)
if state == 'settled' then
  charged(id, h, num(h.iu), num(h.ip))
  keepAnswer(id, answer, till, budget)
  out(ledger, line)
  forget(id, h, 'charged')
  return 'charged'
end
freeUnits(h)
redis.call('HINCRBY', P .. 't:' .. h.t, 'w', h.iu)
if distrust == '1' then redis.call('SADD', P .. 'upfront', string.sub(h.a, 8)) end
freeSlots(id, h)
giveBack(h)
freeNames(h)
out(ledger, line)
forget(id, h, 'void')
return 'void'
`)

export const RELEASE = script(`${COMMON}${PACES}${HOLDS}
local id, fate, ledger, line = arg(), arg(), arg(), arg()
local h = hold(id)
if not h then
  -- A reservation that comes later, because its reply was lost on the way, finds that it is over.
  if redis.call('EXISTS', P .. 'f:' .. id) == 0 then redis.call('SET', P .. 'f:' .. id, 'released', 'EX', 300) end
  return 'gone'
end
if h.i then return 'intended' end
h.id = id
freeUnits(h)
if fate == 'wasted' and num(h.u) > 0 then
  redis.call('HINCRBY', P .. 't:' .. h.t, 'w', h.u)
  out(ledger, line)
end
freeMoney(h)
freeSlots(id, h)
giveBack(h)
freeNames(h)
forget(id, h, 'released')
return 'released'
`)

/** A process that is gone: what it only held is given up, what it was settling is taken over by the caller. */
export const SWEEP = script(`${COMMON}${PACES}${HOLDS}
local dead, me, ledger, most = arg(), arg(), arg(), tonumber(arg())
if redis.call('EXISTS', P .. 'alive:' .. dead) == 1 then return 0 end
local ids = redis.call('SRANDMEMBER', P .. 'open:' .. dead, most)
for _, id in ipairs(ids) do
  local h = hold(id)
  if not h then redis.call('SREM', P .. 'open:' .. dead, id)
  elseif h.i then
    h.id = id
    redis.call('HSET', P .. 'h:' .. id, 's', 'U', 'p', me)
    redis.call('SMOVE', P .. 'open:' .. dead, P .. 'open:' .. me, id)
    redis.call('SADD', P .. 'unknown', id)
    freeSlots(id, h)
    if h.k then giveUpCall(id, h) end
    setNames(h, 'unknown')
  else
    h.id = id
    freeUnits(h)
    if num(h.u) > 0 then
      redis.call('HINCRBY', P .. 't:' .. h.t, 'w', h.u)
      out(ledger, '{"t":"wasted","connection":' .. cjson.encode(h.c) .. ',"owner":' .. cjson.encode(h.w) .. ',"period":' .. h.e ..
        ',"units":' .. h.u .. ',"at":' .. int(nowMs) .. ',"by":' .. cjson.encode(id) .. '}')
    end
    freeMoney(h)
    freeSlots(id, h)
    giveBack(h)
    if h.d == '1' then
      setNames(h, 'lost')
      for _, key in ipairs(lines(h.o)) do redis.call('DEL', P .. 'o:' .. key) end
    else freeNames(h) end
    forget(id, h, 'swept')
  end
end
if #ids < most then redis.call('SREM', P .. 'procs', dead) end
return #ids
`)

export const REFUND = script(`${COMMON}
local id, account, price, ledger, line = arg(), arg(), arg(), arg(), arg()
if redis.call('SADD', P .. 'refunds', id) == 0 then return 0 end
redis.call('SADD', P .. 'accounts', account)
redis.call('HINCRBY', P .. 'a:' .. account, 'p', price)
out(ledger, line)
return 1
`)
