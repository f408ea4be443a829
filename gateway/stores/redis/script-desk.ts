/** The operator's scripts: keys, switches, corrections, payouts, and what is used outside. */
import { script } from './link.ts'
import { COMMON, DESK } from './script-parts.ts'

/** A key, or a key in place of another; with it what it is given. */
export const KEY = script(`${COMMON}${DESK}
local id, record, till, account, credit, from, ledger = arg(), arg(), arg(), arg(), arg(), arg(), arg()
if from ~= '' and call('HGET', P .. 'live', from) == false then return 0 end
if call('HSETNX', P .. 'keys', id, record) == 0 then return 0 end
call('HSET', P .. 'live', id, till)
call('SADD', P .. 'accounts', account)
call('XADD', P .. 'changes', 'MAXLEN', '~', '100000', '*', 'key', record)
if from ~= '' then
  call('HDEL', P .. 'live', from)
  call('HSET', P .. 'keys', from, arg())
  call('XADD', P .. 'changes', 'MAXLEN', '~', '100000', '*', 'key', ARGV[at - 1])
end
if credit ~= '0' then call('HINCRBY', P .. 'a:' .. account, 'p', credit) end
outAll(ledger)
return 1
`)

export const REVOKE = script(`${COMMON}${DESK}
local id, record, ledger = arg(), arg(), arg()
if call('HDEL', P .. 'live', id) == 0 then return 0 end
call('HSET', P .. 'keys', id, record)
call('XADD', P .. 'changes', 'MAXLEN', '~', '100000', '*', 'key', record)
outAll(ledger)
return 1
`)

/** A move that has no name of its own gets one, so that it is made once however often it is sent. */
const ONCE = `
local move = arg()
if not call('SET', P .. 'move:' .. move, '1', 'NX', 'EX', '86400') then return 1 end
`

export const ENABLE = script(`${COMMON}${DESK}${ONCE}
local connection, state, ledger = arg(), arg(), arg()
call('HSET', P .. 'switch', connection, state)
call('XADD', P .. 'changes', 'MAXLEN', '~', '100000', '*', 'switch', connection .. ' ' .. state)
outAll(ledger)
return 1
`)

/** Audit lines alone. */
export const AUDIT = script(`${COMMON}${DESK}${ONCE}
outAll(arg())
return 1
`)

/** Pairs of account and change, as many as is said; then the lines. */
export const CORRECT = script(`${COMMON}${DESK}
local id, ledger, pairs = arg(), arg(), tonumber(arg())
if call('SADD', P .. 'corrections', id) == 0 then return 0 end
for _ = 1, pairs do
  local account, amount = arg(), arg()
  call('SADD', P .. 'accounts', account)
  call('HINCRBY', P .. 'a:' .. account, 'p', amount)
end
outAll(ledger)
return 1
`)

export const PAYOUT = script(`${COMMON}${DESK}
local move, id, text, after, ledger = arg(), arg(), arg(), arg(), arg()
local open = call('HGET', P .. 'payout', 'id')
if move == 'begin' then
  if open == id then return 1 end
  if open or int(num(call('HGET', P .. 'payout', 'count'))) ~= after then return 0 end
  call('HSET', P .. 'payout', 'id', id, 'text', text)
  call('HINCRBY', P .. 'payout', 'count', 1)
else
  if open ~= id then return 0 end
  call('HDEL', P .. 'payout', 'id', 'text')
end
outAll(ledger)
return 1
`)

/** The rule of `externalOf`. The line comes in two halves: what stands between them is decided here. */
export const EXTERNAL = script(`${COMMON}
local tally, used, before, ledger, head = arg(), tonumber(arg()), arg(), arg(), arg()
local k = P .. 't:' .. tally
local v = call('HMGET', k, 's', 'o', 'w', 'hs', 'ho', 'x')
local ended = num(v[1]) + num(v[2]) + num(v[3])
local was = num(v[6])
local to = math.max(was, used - ended - num(v[4]) - num(v[5]))
local most = used
if before ~= '' then most = used - tonumber(before) end
to = math.max(0, math.min(to, most))
if to ~= was then
  call('SADD', P .. 'tallies', tally)
  call('HSET', k, 'x', int(to))
  out(ledger, head .. int(to) .. '}')
end
return { int(to), int(ended) }
`)

/** Who asks first, until then. */
export const FIRST = script(`${COMMON}
local key, till, who = P .. 'q:' .. arg(), arg(), arg()
if call('SET', key, who, 'NX', 'PXAT', till) then return 1 end
-- A repetition of the same question, whose answer was lost on the way.
if call('GET', key) == who then return 1 end
return 0
`)
