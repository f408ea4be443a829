/** The scripts that take: reserve, a wallet's second move, the change to another connection. */
import { script } from './link.ts'
import { COMMON, HOLDS, PACES } from './script-parts.ts'

/** Claims beside quota and money. `owner` of a refusal's address paces: a refused call counts there all the same. */
const CLAIMS = `
local claims = {}
local readClaims = function()
  local count = tonumber(arg())
  for i = 1, count do
    local kind = arg()
    local c = { kind = kind, key = arg() }
    if kind == 'rate' then c.every = tonumber(arg()) c.burst = tonumber(arg()) c.of = arg()
    elseif kind == 'slot' then c.limit = tonumber(arg())
    elseif kind == 'spend' then c.limit = tonumber(arg())
    elseif kind == 'once' then c.till = arg()
    elseif kind == 'name' then c.digest = arg() c.till = arg() c.durable = arg() end
    claims[i] = c
  end
end
local countAddress = function()
  for _, c in ipairs(claims) do if c.kind == 'rate' and c.of == 'address' then takePace(c.key, c.every) end end
end
local checkClaims = function()
  for _, c in ipairs(claims) do
    if c.kind == 'name' then
      local v = redis.call('HMGET', P .. 'n:' .. c.key, 'd', 'r', 's')
      if v[1] then return { 'named', c.key, v[1], v[2], v[3] } end
    end
  end
  for _, c in ipairs(claims) do
    if c.kind == 'once' then
      local v = redis.call('GET', P .. 'o:' .. c.key)
      if v then
        if string.sub(v, -4) == 'used' then return { 'used' } end
        return { 'pending' }
      end
    end
  end
  for i, c in ipairs(claims) do
    if c.kind == 'rate' then
      local s, n = tatOf(c.key)
      local ahead = aheadNs(s, n)
      local early = ahead - (c.burst - 1) * c.every
      if early > 0 then countAddress() return { 'paced', int(i - 1), int(early), int(math.max(0, ahead)) } end
    elseif c.kind == 'slot' then
      if num(redis.call('GET', P .. 's:' .. c.key)) >= c.limit then countAddress() return { 'slots', int(i - 1) } end
    end
  end
  return nil
end
local overCap = function(price)
  for i, c in ipairs(claims) do
    if c.kind == 'spend' and num(redis.call('GET', spentKey(c.key, today))) + price > c.limit then return { 'capped', int(nowMs) } end
  end
  return nil
end
local takeClaims = function(id, price, had)
  local n, o, g, l, x, d = had.n or '', had.o or '', had.g or '', had.l or '', had.x or '', had.d or ''
  local ahead = ''
  for i, c in ipairs(claims) do
    if c.kind == 'rate' then
      local now = int(math.max(0, takePace(c.key, c.every)))
      if ahead == '' then ahead = int(i - 1) .. ' ' .. now end
      if c.of == 'consumer' then g = g .. int(c.every) .. ' ' .. c.key .. '\\n' end
    elseif c.kind == 'slot' then
      redis.call('INCR', P .. 's:' .. c.key)
      l = l .. c.key .. '\\n'
    elseif c.kind == 'spend' then
      local k = spentKey(c.key, today)
      redis.call('INCRBY', k, int(price))
      redis.call('EXPIRE', k, 172800)
      x = x .. int(today) .. ' ' .. int(price) .. ' ' .. c.key .. '\\n'
    elseif c.kind == 'once' then
      redis.call('SET', P .. 'o:' .. c.key, c.till .. ' ' .. id)
      o = o .. c.key .. '\\n'
    elseif c.kind == 'name' then
      redis.call('HSET', P .. 'n:' .. c.key, 'd', c.digest, 'r', id, 'u', c.till, 's', 'waiting')
      redis.call('PERSIST', P .. 'n:' .. c.key)
      n = n .. c.key .. '\\n'
      if c.durable == '1' then d = '1' end
    end
  end
  redis.call('HSET', P .. 'h:' .. id, 'n', n, 'd', d, 'o', o, 'g', g, 'l', l, 'x', x)
  return ahead
end
`

/** The joint claim of quota and money: CONTRACT "What it costs". The order of refusals is that of the embedded store. */
const SUPPLY = `
local readTally = function(key)
  local v = redis.call('HMGET', P .. 't:' .. key, 's', 'o', 'w', 'x', 'hs', 'ho')
  return { s = num(v[1]), o = num(v[2]), w = num(v[3]), x = num(v[4]), hs = num(v[5]), ho = num(v[6]) }
end
local readAlternative = function()
  return { connection = arg(), owner = arg(), units = tonumber(arg()), price = tonumber(arg()), quota = tonumber(arg()),
    reserved = tonumber(arg()), from = tonumber(arg()), till = tonumber(arg()), enabled = arg() }
end
local turned = function(a) return nowMs < a.from or (a.till > 0 and nowMs >= a.till) end
local tallyOf = function(a) return a.connection .. ':' .. int(a.from) end
local leftForSale = function(a)
  local t = readTally(tallyOf(a))
  local beyond = math.max(0, t.o + t.ho + t.x - a.reserved)
  return math.max(0, a.quota - a.reserved - t.s - t.hs - t.w - beyond)
end
local leftForOwner = function(a)
  local t = readTally(tallyOf(a))
  return math.max(0, a.quota - t.s - t.hs - t.o - t.ho - t.w - t.x)
end
local enabled = function(a)
  local v = redis.call('HGET', P .. 'switch', a.connection)
  if v then return string.sub(v, 1, 1) == '1' end
  return a.enabled == '1'
end
local holdUnits = function(a, by, units)
  local key = P .. 't:' .. tallyOf(a)
  if redis.call('EXISTS', key) == 0 then redis.call('SADD', P .. 'tallies', tallyOf(a)) end
  local field = 'hs'
  if by == 'owner' then field = 'ho' end
  redis.call('HINCRBY', key, field, int(units))
end
`

export const RESERVE = script(`${COMMON}${PACES}${HOLDS}${CLAIMS}${SUPPLY}
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
if chosen or (judged and refused) then
  local capped = overCap(alternatives[judged].price)
  if capped then refused = capped end
end
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
local ahead = takeClaims(id, counted, {})
return { 'held', int(chosen - 1), ahead, int(available - price), upfront }
`)

/** Credit alone: the payment, and what limits its sender. */
export const PURCHASE = script(`${COMMON}${PACES}${HOLDS}${CLAIMS}
local id, process, keyId, account = arg(), arg(), arg(), arg()
readClaims()
if redis.call('EXISTS', P .. 'f:' .. id) == 1 then return { 'ended' } end
if keyId ~= '' then
  local till = redis.call('HGET', P .. 'live', keyId)
  if not till or (till ~= '0' and tonumber(till) <= nowMs) then return { 'unauthenticated' } end
end
local no = checkClaims()
if no then return no end
redis.call('HSET', P .. 'h:' .. id, 's', 'R', 'p', process, 'b', 'x402', 'a', account, 'u', '0', 'm', '0')
redis.call('SADD', P .. 'open:' .. process, id)
takeClaims(id, 0, {})
return { 'held' }
`)

export const EXTEND = script(`${COMMON}${PACES}${HOLDS}${CLAIMS}
local id, price = arg(), tonumber(arg())
readClaims()
local h = hold(id)
if not h then return { 'gone' } end
local no = checkClaims() or overCap(price)
if no then return no end
return { 'held', '0', takeClaims(id, price, h), '' }
`)

export const SWITCH = script(`${COMMON}${PACES}${HOLDS}${SUPPLY}
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
