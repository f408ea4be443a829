/** The operator's scripts: keys, switches, corrections, payouts. */
import { script } from './link.ts'
import { COMMON } from './script-parts.ts'

/** A key, or a key in place of another; with it what it is given. */
export const KEY = script(`${COMMON}
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
while at <= #ARGV do out(ledger, arg()) end
return 1
`)

export const REVOKE = script(`${COMMON}
local id, record, ledger, line = arg(), arg(), arg(), arg()
if redis.call('HDEL', P .. 'live', id) == 0 then return 0 end
redis.call('HSET', P .. 'keys', id, record)
redis.call('XADD', P .. 'changes', 'MAXLEN', '~', '100000', '*', 'key', record)
out(ledger, line)
return 1
`)

export const ENABLE = script(`${COMMON}
local connection, state, ledger, line = arg(), arg(), arg(), arg()
redis.call('HSET', P .. 'switch', connection, state)
redis.call('XADD', P .. 'changes', 'MAXLEN', '~', '100000', '*', 'switch', connection .. ' ' .. state)
out(ledger, line)
return 1
`)

/** Pairs of account and change follow the line. */
export const CORRECT = script(`${COMMON}
local id, ledger, line = arg(), arg(), arg()
if redis.call('SADD', P .. 'corrections', id) == 0 then return 0 end
while at < #ARGV do
  local account, amount = arg(), arg()
  redis.call('SADD', P .. 'accounts', account)
  redis.call('HINCRBY', P .. 'a:' .. account, 'p', amount)
end
out(ledger, line)
return 1
`)

export const PAYOUT = script(`${COMMON}
local move, id, text, after, ledger, line = arg(), arg(), arg(), arg(), arg(), arg()
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
out(ledger, line)
return 1
`)
