/** The scripts that take: reserve, a wallet's second move, the change to another connection. */
import { script } from './link.ts'
import { CLAIMS } from './script-claims.ts'
import { COMMON, HOLDS, PACES, STOCK } from './script-parts.ts'

/** The joint claim of quota and money: CONTRACT "What it costs". The order of refusals is that of the embedded store. */
const SUPPLY = `
local readAlternative = function()
  return { connection = arg(), owner = arg(), units = tonumber(arg()), price = tonumber(arg()), quota = tonumber(arg()),
    reserved = tonumber(arg()), from = tonumber(arg()), till = tonumber(arg()), enabled = arg() }
end
local turned = function(a) return nowMs < a.from or (a.till > 0 and nowMs >= a.till) end
local holdUnits = function(a, by, units)
  local key = P .. 't:' .. tallyOf(a)
  if redis.call('EXISTS', key) == 0 then redis.call('SADD', P .. 'tallies', tallyOf(a)) end
  local field = 'hs'
  if by == 'owner' then field = 'ho' end
  redis.call('HINCRBY', key, field, int(units))
end
`

export const RESERVE = script(`${COMMON}${PACES}${HOLDS}${STOCK}${CLAIMS}${SUPPLY}
local id, process, keyId, by, account, most, mostIs = arg(), arg(), arg(), arg(), arg(), arg(), arg()
local payment = arg()
readClaims()
local count = tonumber(arg())
local alternatives = {}
for i = 1, count do alternatives[i] = readAlternative() end
if redis.call('EXISTS', P .. 'f:' .. id) == 1 then return { 'ended' } end
if keyId ~= '' then
  local till = redis.call('HGET', P .. 'live', keyId)
  if not till or (till ~= '0' and tonumber(till) <= nowMs) then return { 'unauthenticated' } end
end
local no = checkClaims()
if no then return no end
for _, a in ipairs(alternatives) do if turned(a) then return { 'turn', int(nowMs) } end end
local first, chosen, bestLeft = nil, nil, -1
for i, a in ipairs(alternatives) do
  if by == 'owner' or enabled(a) then
    if not first then first = i end
    if by == 'owner' then
      local left = leftForOwner(a)
      if left >= a.units and left > bestLeft then chosen = i bestLeft = left end
    else
      if chosen and a.price > alternatives[chosen].price then break end
      local left = leftForSale(a)
      if left >= a.units and (not chosen or left > bestLeft) then chosen = i bestLeft = left end
    end
  end
end
local judged = chosen or first
local money = redis.call('HMGET', P .. 'a:' .. account, 'p', 'h')
local available = num(money[1]) - num(money[2])
local refused = nil
if judged and by ~= 'owner' then
  local price = alternatives[judged].price
  if most ~= '' and price > tonumber(most) then refused = { 'dear', mostIs, int(judged - 1) }
  elseif payment ~= '' and price > tonumber(payment) then refused = { 'dear', 'payment', int(judged - 1) }
  elseif by == 'credits' and price > available then refused = { 'poor', int(available), int(judged - 1) } end
end
if not chosen and not refused then refused = { 'sold_out' } end
-- Limits speak before the price and the stock.
local cost, wanted = nil, 0
if judged then
  cost = alternatives[judged].price
  wanted = alternatives[judged].units
  if payment ~= '' then cost = tonumber(payment) end
end
no = limited(cost, wanted, 0)
if no then return no end
if refused then countAddress() return refused end
local a = alternatives[chosen]
local price = 0
if by == 'credits' then price = a.price end
local counted = price
local upfront = '0'
if payment ~= '' then
  counted = tonumber(payment)
  upfront = int(redis.call('SISMEMBER', P .. 'upfront', string.sub(account, 8)))
end
holdUnits(a, by, a.units)
if price > 0 then redis.call('HINCRBY', P .. 'a:' .. account, 'h', int(price)) end
redis.call('HSET', P .. 'h:' .. id, 's', 'R', 'p', process, 'c', a.connection, 't', tallyOf(a), 'u', int(a.units), 'b', by,
  'a', account, 'm', int(price), 'w', a.owner, 'e', int(a.from))
redis.call('SADD', P .. 'open:' .. process, id)
local ahead = takeClaims(id, counted, a.units, {})
return { 'held', int(chosen - 1), ahead, int(available - price), upfront }
`)

/** Credit alone: the payment, and what limits its sender. */
export const PURCHASE = script(`${COMMON}${PACES}${HOLDS}${STOCK}${CLAIMS}
local id, process, keyId, account = arg(), arg(), arg(), arg()
readClaims()
if redis.call('EXISTS', P .. 'f:' .. id) == 1 then return { 'ended' } end
if keyId ~= '' then
  local till = redis.call('HGET', P .. 'live', keyId)
  if not till or (till ~= '0' and tonumber(till) <= nowMs) then return { 'unauthenticated' } end
end
local no = checkClaims() or limited(nil, 0, 0)
if no then return no end
redis.call('HSET', P .. 'h:' .. id, 's', 'R', 'p', process, 'b', 'x402', 'a', account, 'u', '0', 'm', '0')
redis.call('SADD', P .. 'open:' .. process, id)
takeClaims(id, 0, 0, {})
return { 'held' }
`)

export const EXTEND = script(`${COMMON}${PACES}${HOLDS}${STOCK}${CLAIMS}
local id, price = arg(), tonumber(arg())
readClaims()
local h = hold(id)
if not h then return { 'gone' } end
local no = checkClaims() or limited(price, num(h.u), num(h.u))
if no then return no end
return { 'held', '0', takeClaims(id, price, num(h.u), h), '' }
`)

export const SWITCH = script(`${COMMON}${PACES}${HOLDS}${STOCK}${SUPPLY}
local id, fate, ledger, line, limit = arg(), arg(), arg(), arg(), arg()
local a = readAlternative()
local h = hold(id)
if not h or h.s ~= 'R' then return { 'no' } end
if h.c == a.connection then return { 'yes' } end
if turned(a) then return { 'turn', int(nowMs) } end
if h.b == 'owner' then
  if leftForOwner(a) < a.units then return { 'no' } end
elseif limit == '' or a.price > tonumber(limit) or not enabled(a) or leftForSale(a) < a.units then return { 'no' } end
freeUnits(h)
if fate == 'wasted' and num(h.u) > 0 then
  redis.call('HINCRBY', P .. 't:' .. h.t, 'w', h.u)
  out(ledger, line)
end
freeMoney(h)
local price = 0
if h.b == 'credits' then price = num(h.y or a.price) end
holdUnits(a, h.b, a.units)
if price > 0 then redis.call('HINCRBY', P .. 'a:' .. h.a, 'h', int(price)) end
redis.call('HSET', P .. 'h:' .. id, 'c', a.connection, 't', tallyOf(a), 'u', int(a.units), 'm', int(price), 'w', a.owner, 'e', int(a.from))
return { 'yes' }
`)
