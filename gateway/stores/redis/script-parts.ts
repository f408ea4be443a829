/**
 * The moves in Lua: each reads and decides first, then changes what cannot fail. One clock for all gateways (TIME); money and
 * units are whole numbers below 2^53 and are written with %d, since a Lua number is a double (and %.0f takes five times as long).
 *
 * KEYS[1] is the prefix with its hash tag; all other keys begin with it and stand in the same slot. ARGV[1] is the time of
 * a test, or empty.
 *
 *   holds:<process>  by hold, packed: s state (R reserved, S settling, U unknown), t tally, u units, b by, a account, m money,
 *             w owner, n names, d durable names, o once, g rates, l slots, x spends, f shares, i has an intent, iu and ip its
 *             units and price, k account that it buys credit for, y prepaid. What is empty is left out.
 *   i:<hold>  the line of its intent
 *   f:<hold>  that it was swept
 *   done:<process>  number of its last group of moves that ended something, and what they came to
 *   t:<connection>:<period>  s sold, o own, w wasted, x external, hs and ho held, r revenue
 *   a:<account>  p posted, h held          n:<name>  d digest, r receipt, u until, s state
 *   s:<key>  calls at once                 g:<key>  a pace
 *   d:<account>:<UTC day> and m:<account>:<UTC month>  money spent
 *   u:<pool>:<window>:<tenth>  units taken, by account, and * of all
 *   q:<key>  who was first
 */

/** In Redis 7 the first line has a Redis that cannot write now refuse the whole script, before anything of it is done. */
export const COMMON = `#!lua
local P = KEYS[1]
local call = redis.call
local sec, usec
if ARGV[1] ~= '' then
  sec, usec = string.match(ARGV[1], '^(%d+) (%d+)$')
  sec = tonumber(sec) usec = tonumber(usec)
else
  local t = call('TIME')
  sec = tonumber(t[1]) usec = tonumber(t[2])
end
local nowMs = sec * 1000 + math.floor(usec / 1000)
local format = string.format
local int = function(n) return format('%d', n) end
local num = function(v) return tonumber(v or '0') or 0 end
local at = 2
local arg = function() local v = ARGV[at] at = at + 1 return v end
local out = function(ledger, line) call('XADD', P .. 'out', '*', 'p', ledger, 'l', line) end
local lines = function(text)
  local found = {}
  if text and text ~= '' then for one in string.gmatch(text, '[^\\n]+') do found[#found + 1] = one end end
  return found
end
`

/** What a hold has taken, and how it goes back. */
export const HOLDS = `
local spentKey = function(per, key, turn) return P .. per .. ':' .. key .. ':' .. turn end
local heldField = function(h) if h.b == 'owner' then return 'ho' end return 'hs' end
local freeSlots = function(h)
  if not h.l then return end
  for _, key in ipairs(lines(h.l)) do
    local s = slot(key)
    s.n = s.n - 1
    s.changed = true
  end
  h.l = nil
  h.changed = true
end
local freeUnits = function(h) if h.t then count(h.t, heldField(h), -h.u) end end
-- The line says what is counted here: where a call is held may have changed since its gateway last heard of it.
local wasted = function(h)
  count(h.t, 'w', h.u)
  local connection, period = string.match(h.t, '^(.*):(%-?%d+)$')
  says('{"t":"wasted","connection":' .. cjson.encode(connection) .. ',"owner":' .. cjson.encode(h.w) .. ',"period":' .. period ..
    ',"units":' .. int(h.u) .. ',"at":' .. int(nowMs) .. ',"by":' .. cjson.encode(h.id) .. '}')
end
local freeMoney = function(h) if num(h.m) > 0 then post(h.a, 'h', -h.m) end end
local giveBackPaces = function(h)
  for _, one in ipairs(lines(h.g)) do
    local every, key = string.match(one, '^(%d+) (.*)$')
    backPace(key, tonumber(every))
  end
end
local setSpent = function(h, price)
  if not h.x then return end
  for _, one in ipairs(lines(h.x)) do
    local per, turn, amount, key = string.match(one, '^([dm])(%d+) (%d+) (.*)$')
    local k = spentKey(per, key, turn)
    if call('EXISTS', k) == 1 then call('INCRBY', k, int(price - tonumber(amount))) end
  end
end
-- Of the units taken of a share only so many were used.
local setShares = function(h, units)
  if not h.f then return end
  for _, one in ipairs(lines(h.f)) do
    local taken, tenth, key = string.match(one, '^(%d+) (%S+) (.*)$')
    local k, less = P .. 'u:' .. tenth, units - tonumber(taken)
    if less ~= 0 and call('EXISTS', k) == 1 then
      call('HINCRBY', k, '*', int(less))
      if call('HINCRBY', k, key, int(less)) <= 0 then call('HDEL', k, key) end
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
  if not h.n then return end
  for _, name in ipairs(lines(h.n)) do
    local k = P .. 'n:' .. name
    if call('HGET', k, 'r') == h.id then f(k) end
  end
end
local setNames = function(h, state)
  eachName(h, function(k)
    call('HSET', k, 's', state)
    if state == 'charged' or state == 'lost' then call('PEXPIREAT', k, call('HGET', k, 'u')) end
  end)
end
local freeOnce = function(h)
  for _, key in ipairs(lines(h.o)) do call('DEL', P .. 'o:' .. key) end
end
local freeNames = function(h)
  eachName(h, function(k) call('DEL', k) end)
  freeOnce(h)
end
-- The payment stays; the call that it was for is not made.
local giveUpCall = function(h)
  freeUnits(h)
  giveBack(h)
  h.t = nil h.g = nil h.x = nil h.f = nil
  h.changed = true
end
local keepOnce = function(h)
  for _, key in ipairs(lines(h.o)) do
    local k = P .. 'o:' .. key
    local until_ = num(string.match(call('GET', k) or '', '^(%d+) '))
    if until_ > nowMs then call('SET', k, int(until_) .. ' used', 'PXAT', int(until_)) else call('DEL', k) end
  end
end
local forget = function(h)
  if h.i then call('DEL', P .. 'i:' .. h.id) end
  h.gone = true
  holds[h.id] = h
end
`

/** Of the operator: what is left of the arguments are lines; audit lines are counted, so that books can be asked for every one of them. */
export const DESK = `
local outAll = function(ledger)
  while at <= #ARGV do
    local line = arg()
    out(ledger, line)
    if string.sub(line, 1, 13) == '{"t":"audit",' then call('HINCRBY', P .. 'audited', ledger, 1) end
  end
end
`
