/** The operator's scripts: keys, switches, corrections, payouts. */
import { script } from './link.ts'
import { COMMON, DESK } from './script-parts.ts'

/** A key, or a key in place of another; with it what it is given. */
export const KEY = script(`${COMMON}${DESK}
local id, record, till, account, credit, from, ledger = arg(), arg(), arg(), arg(), arg(), arg(), arg()
if from ~= '' and redis.call('HGET', P .. 'live', from) == false then return 0 end
if redis.call('HSETNX', P .. 'keys', id, record) == 0 then return 0 end
redis.call('HSET', P .. 'live', id, till)
redis.call('SADD', P .. 'accounts', account)
redis.call('XADD', P .. 'changes', 'MAXLEN', '~', '100000', '*', 'key', record)
if from ~= '' then
  redis.call('HDEL', P .. 'live', from)
  redis.call('HSET', P .. 'keys', from, arg())
  redis.call('XADD', P .. 'changes', 'MAXLEN', '~', '100000', '*', 'key', ARGV[at - 1])
end
if credit ~= '0' then redis.call('HINCRBY', P .. 'a:' .. account, 'p', credit) end
outAll(ledger)
return 1
`)

export const REVOKE = script(`${COMMON}${DESK}
local id, record, ledger = arg(), arg(), arg()
if redis.call('HDEL', P .. 'live', id) == 0 then return 0 end
redis.call('HSET', P .. 'keys', id, record)
redis.call('XADD', P .. 'changes', 'MAXLEN', '~', '100000', '*', 'key', record)
outAll(ledger)
return 1
`)

/** A move that has no name of its own gets one, so that it is made once however often it is sent. */
const ONCE = `
local move = arg()
if not redis.call('SET', P .. 'move:' .. move, '1', 'NX', 'EX', '86400') then return 1 end
`

export const ENABLE = script(`${COMMON}${DESK}${ONCE}
local connection, state, ledger = arg(), arg(), arg()
redis.call('HSET', P .. 'switch', connection, state)
redis.call('XADD', P .. 'changes', 'MAXLEN', '~', '100000', '*', 'switch', connection .. ' ' .. state)
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
if redis.call('SADD', P .. 'corrections', id) == 0 then return 0 end
for _ = 1, pairs do
  local account, amount = arg(), arg()
  redis.call('SADD', P .. 'accounts', account)
  redis.call('HINCRBY', P .. 'a:' .. account, 'p', amount)
end
outAll(ledger)
return 1
`)

export const PAYOUT = script(`${COMMON}${DESK}
local move, id, text, after, ledger = arg(), arg(), arg(), arg(), arg()
local open = redis.call('HGET', P .. 'payout', 'id')
if move == 'begin' then
  if open == id then return 1 end
  if open or int(num(redis.call('HGET', P .. 'payout', 'count'))) ~= after then return 0 end
  redis.call('HSET', P .. 'payout', 'id', id, 'text', text)
  redis.call('HINCRBY', P .. 'payout', 'count', 1)
else
  if open ~= id then return 0 end
  redis.call('HDEL', P .. 'payout', 'id', 'text')
end
outAll(ledger)
return 1
`)
