/**
 * One script for all that calls move, a group of moves at a time: a script costs Redis more to begin than most moves cost to
 * make. Each move is all or nothing, and one that fails is answered by itself. What the group came to is kept until the
 * process has heard of it, so that a group which is sent again is answered and not made again.
 */
import { script } from './link.ts'
import { CLAIMS } from './script-claims.ts'
import { ENDING } from './script-ending.ts'
import { COMMON, HOLDS } from './script-parts.ts'
import { PACES, STATE, STOCK } from './script-state.ts'
import { TAKING } from './script-taking.ts'

/** Between moves and between the words of one: neither occurs in a name or a number. */
export const BETWEEN_MOVES = '\x1e'
export const BETWEEN_WORDS = '\x1f'

/**
 * A process sends one group at a time. That of the number that was made last is one whose answer was lost; one before it has
 * come by a way on which nobody waits any more, and is not made: what it would take, nobody would give back.
 */
const HEAD = `
local group, process, ledger, budget = arg(), arg(), arg(), tonumber(arg())
home = process
local done = P .. 'done:' .. process
local last = call('GET', done)
if last then
  local number, answers = string.match(last, '^(%d+) (.*)$')
  if number == group then return answers end
  if tonumber(number) > tonumber(group) then return redis.error_reply('STALE a later group of moves has been made') end
end
local moves, lives, upto = {}, {}, 0
`

const FORMS = `
local forms = {}
for i = 1, tonumber(arg()) do forms[int(i)] = readForm(arg()) end
`

/** What nearly every move looks at is fetched for all of them at once. */
const FETCH = `
local first = at
local ended, keys = {}, {}
while at <= #ARGV do
  local kind, id = ARGV[at + 1], ARGV[at + 2]
  if kind == 'reserve' or kind == 'purchase' then
    local key = ARGV[at + 4]
    if key ~= '' and lives[key] == nil then lives[key] = false keys[#keys + 1] = key end
  elseif kind ~= 'skip' then ended[#ended + 1] = id end
  at = at + 1 + tonumber(ARGV[at])
end
if #keys > 0 then
  local found = call('HMGET', P .. 'live', unpack(keys))
  for i, key in ipairs(keys) do lives[key] = found[i] end
end
if #ended > 0 then
  local found = call('HMGET', P .. 'holds:' .. home, unpack(ended))
  for i, id in ipairs(ended) do holds[id] = found[i] and cmsgpack.unpack(found[i]) end
end
at = first
`

const MAKE = `
moves.skip = function() return { '-' } end
local answers, kept, isKept = {}, {}, false
local number = 0
while at <= #ARGV do
  upto = at + 1 + tonumber(ARGV[at])
  local kind, id = ARGV[at + 1], ARGV[at + 2]
  at = at + 3
  local ok, found = pcall(moves[kind], id)
  if not ok then
    if type(found) == 'table' then found = found.err end
    found = { 'error', (string.gsub(tostring(found), '%c', ' ')) }
  end
  number = number + 1
  answers[number] = table.concat(found, '${BETWEEN_WORDS}')
  if kind == 'reserve' or kind == 'purchase' or kind == 'extend' or kind == 'skip' then kept[number] = '-'
  else kept[number] = answers[number] isKept = true end
  at = upto
end
flush(ledger)
if isKept then call('SET', done, group .. ' ' .. table.concat(kept, '${BETWEEN_MOVES}')) end
return table.concat(answers, '${BETWEEN_MOVES}')
`

export const MOVES = script(COMMON + STATE + HEAD + PACES + HOLDS + STOCK + CLAIMS + FORMS + TAKING + ENDING + FETCH + MAKE)
