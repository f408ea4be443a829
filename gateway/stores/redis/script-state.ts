/** What the moves work on: counters, money, holds, paces and stock as they are in memory while a script runs. After COMMON of script-parts.ts. */

/**
 * What the moves of one script read and change: read once, changed in memory, written once at the end, however many they
 * are. `home` is the process whose holds they are; `says` collects lines for its ledger: one entry of the outbox for all.
 */
export const STATE = `
local home = ''
local tallies, accounts, slots, tats, holds, said = {}, {}, {}, {}, {}, {}
local says = function(line) said[#said + 1] = line end
local tally = function(key)
  local t = tallies[key]
  if not t then
    local v = call('HMGET', P .. 't:' .. key, 's', 'o', 'w', 'x', 'hs', 'ho', 'r')
    t = { s = num(v[1]), o = num(v[2]), w = num(v[3]), x = num(v[4]), hs = num(v[5]), ho = num(v[6]), r = num(v[7]), new = not (v[1] or v[5] or v[6] or v[4]) }
    tallies[key] = t
  end
  return t
end
local count = function(key, field, by)
  local t = tally(key)
  t[field] = t[field] + by
  t.changed = true
end
local money = function(account)
  local a = accounts[account]
  if not a then
    local v = call('HMGET', P .. 'a:' .. account, 'p', 'h')
    a = { p = num(v[1]), h = num(v[2]) }
    accounts[account] = a
  end
  return a
end
local post = function(account, field, by)
  local a = money(account)
  a[field] = a[field] + by
  a.changed = true
end
local slot = function(key)
  local n = slots[key]
  if not n then
    n = { n = num(call('GET', P .. 's:' .. key)) }
    slots[key] = n
  end
  return n
end
local hold = function(id)
  local h = holds[id]
  if h == nil then
    local raw = call('HGET', P .. 'holds:' .. home, id)
    h = raw and cmsgpack.unpack(raw)
    holds[id] = h
  end
  if not h or h.gone then return nil end
  h.id = id
  return h
end
local keep = function(id, h)
  holds[id] = h
  h.changed = true
end
local flushCounts = function()
  for key, t in pairs(tallies) do
    if t.changed then
      if t.new then call('SADD', P .. 'tallies', key) end
      call('HSET', P .. 't:' .. key, 's', int(t.s), 'o', int(t.o), 'w', int(t.w), 'hs', int(t.hs), 'ho', int(t.ho), 'r', int(t.r))
    end
  end
  for key, a in pairs(accounts) do
    if a.changed then call('HSET', P .. 'a:' .. key, 'p', int(a.p), 'h', int(a.h)) end
  end
  local set, gone = {}, {}
  for key, s in pairs(slots) do
    if s.changed and s.n > 0 then set[#set + 1] = P .. 's:' .. key set[#set + 1] = int(s.n)
    elseif s.changed then gone[#gone + 1] = P .. 's:' .. key end
  end
  for key, t in pairs(tats) do
    if t.changed then
      local ttl = math.ceil(((t.s - sec) * 1e9 + (t.n - usec * 1000)) / 1e6) + 1000
      if ttl > 0 then call('SET', P .. 'g:' .. key, int(t.s) .. ' ' .. int(t.n), 'PX', int(ttl)) else gone[#gone + 1] = P .. 'g:' .. key end
    end
  end
  if #set > 0 then call('MSET', unpack(set)) end
  if #gone > 0 then call('DEL', unpack(gone)) end
end
local flush = function(ledger)
  flushCounts()
  local set, gone = {}, {}
  for id, h in pairs(holds) do
    if h and h.gone then gone[#gone + 1] = id
    elseif h and h.changed then
      h.changed = nil h.id = nil
      set[#set + 1] = id set[#set + 1] = cmsgpack.pack(h)
    end
  end
  if #set > 0 then call('HSET', P .. 'holds:' .. home, unpack(set)) end
  if #gone > 0 then call('HDEL', P .. 'holds:' .. home, unpack(gone)) end
  if #said > 0 then out(ledger, table.concat(said, '\\n')) end
end
`

/** Paces: GCRA in nanoseconds, seconds and the rest apart, so that nothing is rounded. */
export const PACES = `
local tatOf = function(key)
  local t = tats[key]
  if not t then
    local v = call('GET', P .. 'g:' .. key)
    if v then
      local s, n = string.match(v, '^(%d+) (%d+)$')
      t = { s = tonumber(s), n = tonumber(n), there = true }
    else t = { s = sec, n = usec * 1000 } end
    tats[key] = t
  end
  return t
end
local aheadNs = function(t) return (t.s - sec) * 1e9 + (t.n - usec * 1000) end
local moveTat = function(t, by)
  local n = t.n + by
  t.s = t.s + math.floor(n / 1e9)
  t.n = n % 1e9
  t.there = true
  t.changed = true
end
local takePace = function(key, every)
  local t = tatOf(key)
  if aheadNs(t) < 0 then t.s = sec t.n = usec * 1000 end
  moveTat(t, every)
  return aheadNs(t)
end
local backPace = function(key, every)
  local t = tatOf(key)
  if t.there then moveTat(t, -every) end
end
`

/** What is left of a connection: of an alternative, or of one whose units a share is of. */
export const STOCK = `
local leftForSale = function(a)
  local t = tally(a.tally)
  local beyond = math.max(0, t.o + t.ho + t.x - a.reserved)
  return math.max(0, a.quota - a.reserved - t.s - t.hs - t.w - beyond)
end
local leftForOwner = function(a)
  local t = tally(a.tally)
  return math.max(0, a.quota - t.s - t.hs - t.o - t.ho - t.w - t.x)
end
local switches = {}
local enabled = function(a)
  local v = switches[a.connection]
  if v == nil then
    v = call('HGET', P .. 'switch', a.connection)
    switches[a.connection] = v
  end
  if v then return string.sub(v, 1, 1) == '1' end
  return a.enabled == '1'
end
`
