/**
 * The moves as Lua scripts: each reads and decides first, then writes what cannot fail. One clock for all gateways (TIME);
 * money and units are whole numbers below 2^53 and are written by string.format, since a Lua number is a double.
 *
 * KEYS[1] is the prefix with its hash tag; all other keys begin with it and stand in the same slot. ARGV[1] is the time of
 * a test, or empty.
 *
 *   h:<hold>  s state (R reserved, S settling, U unknown), p process, c connection, t tally, u units, b by, a account, m money,
 *             w owner, e period, n names, d durable names, o once, g rates, l slots, x spends, f shares, i intent,
 *             k account that it buys credit for, y prepaid
 *   t:<connection>:<period>  s sold, o own, w wasted, x external, hs and ho held, r revenue
 *   a:<account>  p posted, h held          n:<name>  d digest, r receipt, u until, s state
 *   d:<account>:<UTC day> and m:<account>:<UTC month>  money spent
 *   u:<pool>:<window>:<tenth>  units taken, by account, and * of all
 *   q:<key>  who was first
 */

export const COMMON = `
local P = KEYS[1]
local sec, usec
if ARGV[1] ~= '' then
  sec, usec = string.match(ARGV[1], '^(%d+) (%d+)$')
  sec = tonumber(sec) usec = tonumber(usec)
else
  local t = redis.call('TIME')
  sec = tonumber(t[1]) usec = tonumber(t[2])
end
local nowMs = sec * 1000 + math.floor(usec / 1000)
local int = function(n) if n == 0 then return '0' end return string.format('%.0f', n) end
local num = function(v) return tonumber(v or '0') or 0 end
local at = 2
local arg = function() local v = ARGV[at] at = at + 1 return v end
local hget = function(k, f) return num(redis.call('HGET', k, f)) end
local out = function(ledger, line) redis.call('XADD', P .. 'out', '*', 'p', ledger, 'l', line) end
local lines = function(text)
  local found = {}
  for one in string.gmatch(text or '', '[^\\n]+') do found[#found + 1] = one end
  return found
end
`

/** Paces: GCRA in nanoseconds, seconds and the rest apart, so that nothing is rounded. */
export const PACES = `
local tatOf = function(key)
  local v = redis.call('GET', P .. 'g:' .. key)
  if not v then return sec, usec * 1000 end
  local s, n = string.match(v, '^(%d+) (%d+)$')
  s = tonumber(s) n = tonumber(n)
  return s, n
end
local aheadNs = function(s, n) return (s - sec) * 1e9 + (n - usec * 1000) end
local putTat = function(key, s, n)
  local ttl = math.ceil(aheadNs(s, n) / 1e6) + 1000
  if ttl > 0 then redis.call('SET', P .. 'g:' .. key, int(s) .. ' ' .. int(n), 'PX', int(ttl)) else redis.call('DEL', P .. 'g:' .. key) end
end
local takePace = function(key, every)
  local s, n = tatOf(key)
  if aheadNs(s, n) < 0 then s = sec n = usec * 1000 end
  n = n + every
  s = s + math.floor(n / 1e9)
  n = n % 1e9
  putTat(key, s, n)
  return aheadNs(s, n)
end
local backPace = function(key, every)
  if redis.call('EXISTS', P .. 'g:' .. key) == 0 then return end
  local s, n = tatOf(key)
  n = n - every
  s = s + math.floor(n / 1e9)
  n = n % 1e9
  putTat(key, s, n)
end
`

/** What a hold has taken, and how it goes back. */
export const HOLDS = `
local spentKey = function(per, key, turn) return P .. per .. ':' .. key .. ':' .. turn end
local hold = function(id)
  local raw = redis.call('HGETALL', P .. 'h:' .. id)
  if #raw == 0 then return nil end
  local h = {}
  for i = 1, #raw, 2 do h[raw[i]] = raw[i + 1] end
  return h
end
local heldField = function(h) if h.b == 'owner' then return 'ho' end return 'hs' end
local freeSlots = function(id, h)
  for _, key in ipairs(lines(h.l)) do
    if redis.call('DECR', P .. 's:' .. key) <= 0 then redis.call('DEL', P .. 's:' .. key) end
  end
  redis.call('HDEL', P .. 'h:' .. id, 'l')
end
local freeUnits = function(h) if h.t then redis.call('HINCRBY', P .. 't:' .. h.t, heldField(h), int(-num(h.u))) end end
local freeMoney = function(h) if num(h.m) > 0 then redis.call('HINCRBY', P .. 'a:' .. h.a, 'h', int(-num(h.m))) end end
local giveBackPaces = function(h)
  for _, one in ipairs(lines(h.g)) do
    local every, key = string.match(one, '^(%d+) (.*)$')
    backPace(key, tonumber(every))
  end
end
local setSpent = function(h, price)
  for _, one in ipairs(lines(h.x)) do
    -- Holds of an earlier version know days alone.
    local per, turn, amount, key = string.match(one, '^([dm]?)(%d+) (%d+) (.*)$')
    if per == '' then per = 'd' end
    local k = spentKey(per, key, turn)
    if redis.call('EXISTS', k) == 1 then redis.call('INCRBY', k, int(price - tonumber(amount))) end
  end
end
-- Of the units taken of a share only so many were used.
local setShares = function(h, units)
  for _, one in ipairs(lines(h.f)) do
    local taken, tenth, key = string.match(one, '^(%d+) (%S+) (.*)$')
    local k, less = P .. 'u:' .. tenth, units - tonumber(taken)
    if less ~= 0 and redis.call('EXISTS', k) == 1 then
      redis.call('HINCRBY', k, '*', int(less))
      if redis.call('HINCRBY', k, key, int(less)) <= 0 then redis.call('HDEL', k, key) end
    end
  end
end
-- Not charged: the consumer's counters are as before.
local giveBack = function(h)
  giveBackPaces(h)
  setSpent(h, 0)
  setShares(h, 0)
end
local eachName = function(h, f)
  for _, name in ipairs(lines(h.n)) do
    local k = P .. 'n:' .. name
    if redis.call('HGET', k, 'r') == h.id then f(k) end
  end
end
local setNames = function(h, state)
  eachName(h, function(k)
    redis.call('HSET', k, 's', state)
    if state == 'charged' or state == 'lost' then redis.call('PEXPIREAT', k, redis.call('HGET', k, 'u')) end
  end)
end
local freeNames = function(h)
  eachName(h, function(k) redis.call('DEL', k) end)
  for _, key in ipairs(lines(h.o)) do redis.call('DEL', P .. 'o:' .. key) end
end
-- The payment stays; the call that it was for is not made.
local giveUpCall = function(id, h)
  freeUnits(h)
  giveBack(h)
  redis.call('HDEL', P .. 'h:' .. id, 't', 'c', 'g', 'x', 'f')
end
local keepOnce = function(h)
  for _, key in ipairs(lines(h.o)) do
    local k = P .. 'o:' .. key
    local until_ = num(string.match(redis.call('GET', k) or '', '^(%d+) '))
    if until_ > nowMs then redis.call('SET', k, int(until_) .. ' used', 'PXAT', int(until_)) else redis.call('DEL', k) end
  end
end
local forget = function(id, h, how)
  redis.call('DEL', P .. 'h:' .. id)
  redis.call('SREM', P .. 'open:' .. h.p, id)
  redis.call('SET', P .. 'f:' .. id, how, 'EX', 300)
end
`

/** Of the operator: what is left of the arguments are lines; audit lines are counted, so that books can be asked for every one of them. */
export const DESK = `
local outAll = function(ledger)
  while at <= #ARGV do
    local line = arg()
    out(ledger, line)
    if string.sub(line, 1, 13) == '{"t":"audit",' then redis.call('HINCRBY', P .. 'audited', ledger, 1) end
  end
end
`

/** What is left of a connection: of an alternative, or of one whose units a share is of. */
export const STOCK = `
local readTally = function(key)
  local v = redis.call('HMGET', P .. 't:' .. key, 's', 'o', 'w', 'x', 'hs', 'ho')
  return { s = num(v[1]), o = num(v[2]), w = num(v[3]), x = num(v[4]), hs = num(v[5]), ho = num(v[6]) }
end
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
`
