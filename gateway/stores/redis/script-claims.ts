/** Claims beside quota and money: read, looked at, taken. The answers are those of claims.ts, of the embedded store. */

/** Of UTC months by number, and when one begins (days_from_civil and its reverse, Howard Hinnant). */
const MONTHS = `
local monthOf = function(ms)
  local z = math.floor(ms / 86400000) + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524) - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local month = (math.floor((5 * doy + 2) / 153) + 2) % 12
  local year = yoe + era * 400
  if month < 2 then year = year + 1 end
  return year * 12 + month
end
local monthStartMs = function(number)
  local year, month = math.floor(number / 12), number % 12
  if month < 2 then year = year - 1 end
  local era = math.floor(year / 400)
  local yoe = year - era * 400
  local doe = yoe * 365 + math.floor(yoe / 4) - math.floor(yoe / 100) + math.floor((153 * ((month + 10) % 12) + 2) / 5)
  return (era * 146097 + doe - 719468) * 86400000
end
local turnOf = function(per)
  if per == 'd' then return math.floor(nowMs / 86400000) end
  return monthOf(nowMs)
end
local turnEndMs = function(per)
  if per == 'd' then return (turnOf(per) + 1) * 86400000 end
  return monthStartMs(turnOf(per) + 1)
end
`

/** Fair use, as shares.ts has it: eleven tenths of a window are looked at. */
const SHARES = `
local tenthKey = function(c, tenth) return P .. 'u:' .. c.pool .. ':' .. int(tenth) end
local shareWaitMs = function(c, units, held)
  local now = math.floor(nowMs / c.each)
  local mine, all, tenths = 0, 0, {}
  for i = 0, 10 do
    local v = call('HMGET', tenthKey(c, now - i), c.key, '*')
    tenths[i] = { num(v[1]), num(v[2]) }
    mine = mine + tenths[i][1]
    all = all + tenths[i][2]
  end
  if units == 0 or all == mine then return 0 end
  local left = held
  for _, a in ipairs(c.connections) do if enabled(a) then left = left + leftForSale(a) end end
  local fits = function() return all == mine or (mine + units - 1) * 1000000 < (left + all) * c.most end
  if fits() then return 0 end
  for i = 10, 0, -1 do
    mine = mine - tenths[i][1]
    all = all - tenths[i][2]
    if fits() then return (now - i + 11) * c.each - nowMs end
  end
  return c.each
end
local takeShare = function(c, units)
  local tenth = c.pool .. ':' .. int(math.floor(nowMs / c.each))
  call('HINCRBY', P .. 'u:' .. tenth, c.key, int(units))
  call('HINCRBY', P .. 'u:' .. tenth, '*', int(units))
  call('PEXPIRE', P .. 'u:' .. tenth, int(c.each * 12 + 1000))
  return int(units) .. ' ' .. tenth .. ' ' .. c.key
end
`

/**
 * Forms: what is the same for many calls is read once a script. Its claims are those of whichever call is being made, with
 * the keys of that call. A refused call counts for the paces of its address all the same.
 */
const READING = `
local connectionOf = function(text)
  local name, quota, reserved, from, enabled = string.match(text, '^(.*)\\n(%S+) (%S+) (%S+) (%S+)$')
  return { connection = name, quota = tonumber(quota), reserved = tonumber(reserved), tally = name .. ':' .. from, enabled = enabled }
end
local alternativeOf = function(text)
  local name, owner, units, price, quota, reserved, from, till, enabled = string.match(text, '^(.*)\\n(.*)\\n(%S+) (%S+) (%S+) (%S+) (%S+) (%S+) (%S+)$')
  return { connection = name, owner = owner, units = tonumber(units), price = tonumber(price), quota = tonumber(quota), reserved = tonumber(reserved),
    tally = name .. ':' .. from, from = tonumber(from), till = tonumber(till), enabled = enabled }
end
local readShare = function(c, word)
  c.pool = word() c.each = tonumber(word()) c.most = tonumber(word()) c.connections = {}
  for i = 1, tonumber(word()) do c.connections[i] = connectionOf(word()) end
end
local readForm = function(text)
  local next = string.gmatch(text, '([^\\31]*)\\31')
  local word = function() return next() end
  local form = { by = word(), most = tonumber(word()), payment = tonumber(word()), alternatives = {}, claims = {} }
  for i = 1, tonumber(word()) do form.alternatives[i] = alternativeOf(word()) end
  for kind in next do
    local c = { kind = kind }
    if kind == 'rate' then c.every = tonumber(word()) c.burst = tonumber(word()) c.of = word()
    elseif kind == 'slot' then c.limit = tonumber(word())
    elseif kind == 'spend' then c.limit = tonumber(word()) c.per = word()
    elseif kind == 'share' then readShare(c, word) end
    form.claims[#form.claims + 1] = c
  end
  return form
end
local claims
local readOwn = function(form)
  claims = form.claims
  for i = 1, #claims do
    local c = claims[i]
    c.key = arg()
    if c.kind == 'once' then c.till = arg()
    elseif c.kind == 'name' then c.digest = arg() c.till = arg() c.durable = arg() end
  end
end
local paceWaitNs = function(c)
  local ahead = aheadNs(tatOf(c.key))
  c.ahead = math.max(0, ahead)
  return ahead - (c.burst - 1) * c.every
end
local countAddress = function()
  for _, c in ipairs(claims) do
    if c.kind == 'rate' and c.of == 'address' and paceWaitNs(c) <= 0 then takePace(c.key, c.every) end
  end
end
-- Of the pace that is nearest to refusing: its place, and how far it is ahead.
local nearest = function()
  local found, least, longest = '', nil, nil
  for i, c in ipairs(claims) do
    if c.kind == 'rate' then
      local left, wait = math.max(0, math.floor(c.burst - c.ahead / c.every)), c.ahead - (c.burst - 1) * c.every
      if not least or left < least or (left == least and wait > longest) then
        found, least, longest = int(i - 1) .. ' ' .. int(c.ahead), left, wait
      end
    end
  end
  return found
end
`

const CHECKING = `
local checkClaims = function()
  for _, c in ipairs(claims) do
    if c.kind == 'name' then
      local v = call('HMGET', P .. 'n:' .. c.key, 'd', 'r', 's')
      if v[1] then return { 'named', c.key, v[1], v[2] or '', v[3] or '' } end
    end
  end
  for _, c in ipairs(claims) do
    if c.kind == 'once' then
      local v = call('GET', P .. 'o:' .. c.key)
      if v then
        if string.sub(v, -4) == 'used' then return { 'used' } end
        return { 'pending' }
      end
    end
  end
  return nil
end
-- The longest wait of all limits that refuse; of caps and shares only where the price is known.
local limited = function(price, units, held)
  local worst, longest = nil, 0
  for i, c in ipairs(claims) do
    local wait = 0
    if c.kind == 'rate' then wait = paceWaitNs(c)
    elseif c.kind == 'slot' then
      if slot(c.key).n >= c.limit then wait = 1e9 end
    elseif c.kind == 'spend' and price then
      if num(call('GET', spentKey(c.per, c.key, int(turnOf(c.per))))) + price > c.limit then wait = (turnEndMs(c.per) - nowMs) * 1e6 end
    elseif c.kind == 'share' and price then wait = shareWaitMs(c, units, held) * 1e6 end
    if wait > longest then worst = i longest = wait end
  end
  if not worst then return nil end
  local state = nearest()
  countAddress()
  return { 'limited', int(worst - 1), int(longest), state }
end
`

const TAKING = `
local added = function(h, field, line) h[field] = (h[field] or '') .. line .. '\\n' end
local takeSpend = function(h, c, price, counted)
  -- Several caps of one key are one count.
  local turn = int(turnOf(c.per))
  local k = spentKey(c.per, c.key, turn)
  if counted[k] then return end
  counted[k] = true
  call('INCRBY', k, int(price))
  if c.per == 'd' then call('EXPIRE', k, 172800) else call('EXPIRE', k, 3456000) end
  added(h, 'x', c.per .. turn .. ' ' .. int(price) .. ' ' .. c.key)
end
local takeName = function(id, h, c)
  call('HSET', P .. 'n:' .. c.key, 'd', c.digest, 'r', id, 'u', c.till, 's', 'waiting')
  call('PERSIST', P .. 'n:' .. c.key)
  added(h, 'n', c.key)
  if c.durable == '1' then h.d = '1' end
end
local takeClaims = function(id, h, price, units)
  local counted = {}
  for _, c in ipairs(claims) do
    if c.kind == 'rate' then
      c.ahead = math.max(0, takePace(c.key, c.every))
      if c.of == 'consumer' then added(h, 'g', int(c.every) .. ' ' .. c.key) end
    elseif c.kind == 'slot' then
      local s = slot(c.key)
      s.n = s.n + 1
      s.changed = true
      added(h, 'l', c.key)
    elseif c.kind == 'spend' then takeSpend(h, c, price, counted)
    elseif c.kind == 'share' then added(h, 'f', takeShare(c, units))
    elseif c.kind == 'once' then
      call('SET', P .. 'o:' .. c.key, c.till .. ' ' .. id)
      added(h, 'o', c.key)
    elseif c.kind == 'name' then takeName(id, h, c) end
  end
  keep(id, h)
  return nearest()
end
`

/** After COMMON, STATE, PACES, HOLDS and STOCK. */
export const CLAIMS = MONTHS + SHARES + READING + CHECKING + TAKING
