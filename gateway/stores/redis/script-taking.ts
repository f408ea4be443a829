/** The moves that take: reserve, a purchase, a wallet's second move, the change to another connection. */

/** The joint claim of quota and money. The order of refusals is that of the embedded store. */
const SUPPLY = `
local turned = function(a) return nowMs < a.from or (a.till > 0 and nowMs >= a.till) end
local holdUnits = function(a, by) if by == 'owner' then count(a.tally, 'ho', a.units) else count(a.tally, 'hs', a.units) end end
local stranger = function(keyId)
  if keyId == '' then return nil end
  local till = lives[keyId]
  if not till or (till ~= '0' and tonumber(till) <= nowMs) then return { 'unauthenticated' } end
end
-- The cheapest that has the units; within one price, and for an owner, that with most left.
local choose = function(alternatives, by)
  local first, chosen, bestLeft = nil, nil, -1
  for i, a in ipairs(alternatives) do
    if by == 'owner' or enabled(a) then
      if not first then first = i end
      if by ~= 'owner' and chosen and a.price > alternatives[chosen].price then break end
      local left
      if by == 'owner' then left = leftForOwner(a) else left = leftForSale(a) end
      if left >= a.units and left > bestLeft then chosen = i bestLeft = left end
    end
  end
  return first, chosen
end
`

const RESERVE = `
moves.reserve = function(id)
  local form, keyId, account = forms[arg()], arg(), arg()
  local by, most, payment, alternatives = form.by, form.most, form.payment, form.alternatives
  readOwn(form)
  local no = stranger(keyId) or checkClaims()
  if no then return no end
  for _, a in ipairs(alternatives) do if turned(a) then return { 'turn', int(nowMs) } end end
  local first, chosen = choose(alternatives, by)
  local judged = chosen or first
  local available = 0
  if by == 'credits' then
    local m = money(account)
    available = m.p - m.h
  end
  local refused = nil
  if judged and by ~= 'owner' then
    local price = alternatives[judged].price
    if most and price > most then refused = { 'dear', 'max', int(judged - 1) }
    elseif payment and price > payment then refused = { 'dear', 'payment', int(judged - 1) }
    elseif by == 'credits' and price > available then refused = { 'poor', int(available), int(judged - 1) } end
  end
  if not chosen and not refused then refused = { 'sold_out' } end
  -- Limits speak before the price and the stock.
  local cost, wanted = nil, 0
  if judged then
    cost = alternatives[judged].price
    wanted = alternatives[judged].units
    if payment then cost = payment end
  end
  no = limited(cost, wanted, 0)
  if no then return no end
  if refused then countAddress() return refused end
  local a = alternatives[chosen]
  local price, counted, upfront = 0, 0, '0'
  if by == 'credits' then price = a.price counted = price end
  if payment then
    counted = payment
    upfront = int(call('SISMEMBER', P .. 'upfront', string.sub(account, 8)))
  end
  holdUnits(a, by)
  if price > 0 then post(account, 'h', price) end
  local ahead = takeClaims(id, { s = 'R', t = a.tally, u = a.units, b = by, a = account, m = price, w = a.owner }, counted, a.units)
  return { 'held', int(chosen - 1), ahead, int(available - price), upfront }
end
`

/** Credit alone: the payment, and what limits its sender. */
const PURCHASE = `
moves.purchase = function(id)
  local form, keyId, account = forms[arg()], arg(), arg()
  readOwn(form)
  local no = stranger(keyId) or checkClaims() or limited(nil, 0, 0)
  if no then return no end
  takeClaims(id, { s = 'R', b = 'x402', a = account, u = 0, m = 0 }, 0, 0)
  return { 'held' }
end
`

const EXTEND = `
moves.extend = function(id)
  local form, price = forms[arg()], tonumber(arg())
  readOwn(form)
  local h = hold(id)
  if not h then return { 'gone' } end
  local no = checkClaims() or limited(price, h.u, h.u)
  if no then return no end
  return { 'held', '0', takeClaims(id, h, price, h.u), '' }
end
`

const SWITCH = `
moves.switch = function(id)
  local fate, limit = arg(), arg()
  local a = alternativeOf(arg())
  local h = hold(id)
  if not h or h.s ~= 'R' or not h.t then return { 'no' } end
  if string.match(h.t, '^(.*):') == a.connection then return { 'yes' } end
  if turned(a) then return { 'turn', int(nowMs) } end
  if h.b == 'owner' then
    if leftForOwner(a) < a.units then return { 'no' } end
  elseif limit == '' or a.price > tonumber(limit) or not enabled(a) or leftForSale(a) < a.units then return { 'no' } end
  freeUnits(h)
  if fate == 'wasted' and h.u > 0 then wasted(h) end
  freeMoney(h)
  local price = 0
  if h.b == 'credits' then price = num(h.y or a.price) end
  holdUnits(a, h.b)
  if price > 0 then post(h.a, 'h', price) end
  h.t = a.tally h.u = a.units h.m = price h.w = a.owner
  keep(id, h)
  return { 'yes' }
end
`

export const TAKING = SUPPLY + RESERVE + PURCHASE + EXTEND + SWITCH
