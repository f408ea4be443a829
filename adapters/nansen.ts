/**
 * Nansen: labelled on-chain data. Nearly every call is a POST that only reads.
 * Credits: third-party catalogues that agree with the x402 tiers; labels: docs.nansen.ai changelog of 06-11-2026 (before: 100 and 500).
 * Pay-per-call prices: docs.nansen.ai, Agentic Payments; one cent a credit. Not here, since no source tells what they take or ask for:
 * /search/general and the agents.
 */
import { defineAdapter, type JsonSchema, type Operation, type Pages, type Resale, type UnitsRule } from '#contract'

// ------------------------------------------------------------------ parts of bodies

const text: JsonSchema = { type: 'string', pattern: '^[ -~\u00a1-\uffff]{1,200}$' }
/** Of any chain: hexadecimal, base58, bech32, names, and types of Move. */
const address: JsonSchema = { type: 'string', pattern: '^[!-~]{1,200}$' }
const flag: JsonSchema = { type: 'boolean' }
const chain: JsonSchema = { type: 'string', pattern: '^[a-z0-9_-]{1,40}$' }
const chains: JsonSchema = { type: 'array', items: chain, minItems: 1, maxItems: 50, uniqueItems: true }
const timeframe: JsonSchema = { type: 'string', pattern: '^[1-9][0-9]{0,3}[mhd]$' }
const screenerTimeframe: JsonSchema = { enum: ['5m', '1h', '6h', '24h', '7d', '30d'] }
const DAY = '\\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])'
const TIME = 'T([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2})?'
const day: JsonSchema = { type: 'string', pattern: `^${DAY}(${TIME})?$` }
const date: JsonSchema = { type: 'object', properties: { from: day, to: day }, required: ['from', 'to'], additionalProperties: false }
const filters: JsonSchema = { type: 'object' }
const order_by: JsonSchema = {
  type: 'array',
  maxItems: 10,
  items: {
    type: 'object',
    properties: { field: text, direction: { enum: ['ASC', 'DESC'] } },
    required: ['field', 'direction'],
    additionalProperties: false,
  },
}
const pages = (most: number): JsonSchema => ({
  type: 'object',
  properties: { page: { type: 'integer', minimum: 1 }, per_page: { type: 'integer', minimum: 1, maximum: most } },
  additionalProperties: false,
})
const list = { filters, order_by, pagination: pages(1000) }

// ------------------------------------------------------------------ what operations ask for, with an example

interface Form {
  readonly body: Readonly<Record<string, JsonSchema>>
  readonly required: readonly string[]
  readonly requiredAny?: readonly string[]
  readonly example: Readonly<Record<string, unknown>>
}

const vitalik = '0xd8da6bf26964af9d7eed9e03e53415d37aa96045'
const other = '0x28c6c06298d514db089934071355e5743bf21d60'
const pepe = '0x6982508145454ce325ddbe47a25d4ec3d2311933'
const week = { from: '2026-11-01', to: '2026-11-08' }

/** What the example shows is required, except where one of several will do. */
const form = (body: Form['body'], example: Form['example']): Form => ({ body, required: Object.keys(example), example })
const and = (asks: Form, body: Form['body'], example: Form['example'] = {}): Form => ({
  ...asks,
  body: { ...asks.body, ...body },
  required: [...asks.required, ...Object.keys(example)],
  example: { ...asks.example, ...example },
})
const anything = form(list, {})
const byChains = form({ chains, ...list }, { chains: ['ethereum'] })
const byWallet = form({ address, chain }, { address: vitalik, chain: 'ethereum' })
/** The provider takes the name of an entity instead of an address. */
const byParty: Form = { ...and(byWallet, { entity_name: text }), required: ['chain'], requiredAny: ['address', 'entity_name'] }
const byPartyAndDate = and(byParty, { date, ...list }, { date: week })
const ofAddress = and(byWallet, { date, hide_spam_token: flag, ...list, pagination: pages(100) }, { date: week })
const byToken = form({ token_address: address, chain }, { token_address: pepe, chain: 'ethereum' })
const byTokenAndDate = and(byToken, { date, ...list }, { date: week })
const holders = and(byToken, { label_type: text, aggregate_by_entity: flag, premium_labels: flag, ...list })

// ------------------------------------------------------------------ samples: one row of each list

const asset = { chain: 'ethereum', token_address: pepe, token_symbol: 'PEPE' }
const event = { block_timestamp: '2026-11-01T12:00:00Z', transaction_hash: `0x${'ab'.repeat(32)}` }
const trade = { ...event, trader_address: other, trader_address_label: 'Fund' }
const about = { token_sectors: ['Memecoins'], token_age_days: 1290, market_cap_usd: 3900000000 }
const flows = { net_flow_1h_usd: 1200.5, net_flow_24h_usd: -340, net_flow_7d_usd: 9100, net_flow_30d_usd: 22000 }
const sent = { ...asset, token_amount: 500000, price_usd: 0.0000092, value_usd: 4.6, from_address: vitalik, to_address: other }
const transaction = { ...event, chain: 'ethereum', method: 'transfer', tokens_sent: [sent], tokens_received: [], volume_usd: 4.6, source_type: 'transaction' }
const traded = { token_bought_symbol: 'PEPE', token_sold_symbol: 'WETH', token_bought_amount: 1000000, token_sold_amount: 3.1, trade_value_usd: 9300 }
const perp = { ...trade, token_symbol: 'BTC', side: 'Long', action: 'Open', token_amount: 0.5, price_usd: 60000, value_usd: 30000, type: 'MARKET' }
const plan = { dca_created_at: '2026-11-01T12:00:00Z', input_token_symbol: 'USDC', output_token_symbol: 'JUP', deposit_value_usd: 5000, dca_status: 'Active' }
const holding = { ...asset, ...about, value_usd: 1840000.5, balance_24h_percent_change: 1.2, holders_count: 14, share_of_holdings_percent: 0.8 }
const pastHolding = { ...holding, date: '2026-11-01', balance: 52000000, smart_money_labels: ['Fund'] }
const balance = { ...asset, token_name: 'Pepe', address: vitalik, token_amount: 1250000, price_usd: 0.0000092, value_usd: 11.5 }
const pastBalance = { ...asset, block_timestamp: '2026-11-01T12:00:00Z', token_amount: 1000000, value_usd: 9.2 }
const dealings = { interaction_count: 12, total_volume_usd: 84000, volume_in_usd: 60000, volume_out_usd: 24000, tokens_info: [] }
const counterparty = { counterparty_address: other, counterparty_address_label: ['Binance'], ...dealings }
const relative = { ...event, address: other, address_label: 'Hot Wallet', relation: 'First Funder', order: 1, chain: 'ethereum' }
const summary = { traded_token_count: 6, traded_times: 21, realized_pnl_usd: 2400, realized_pnl_percent: 0.12, win_rate: 0.5 }
const profit = { token_address: pepe, token_symbol: 'PEPE', pnl_usd_realised: 1800, pnl_usd_unrealised: -40, bought_usd: 4500, sold_usd: 6300 }
const label = { label: 'Deployer', category: 'others', definition: 'Deployed a smart contract.', fullname: 'Token Deployer' }
const premiumLabel = { label: 'Smart Trader', category: 'smart_money', definition: 'Trades with steady profit.', fullname: 'Smart Trader' }
const worth = { total_value_usd: 9100, total_assets_usd: 9600, total_debts_usd: 500, total_rewards_usd: 0 }
const screened = { ...asset, price_usd: 0.0000092, price_change: 0.03, volume: 120000000, buy_volume: 63000000, netflow: 6000000, liquidity_usd: 31000000 }
const changes = { total_inflow: 90000000, total_outflow: 40000000, balance_change_24h: 1000000, balance_change_7d: 5000000, balance_change_30d: -2000000 }
const holder = { address: other, address_label: 'Binance', token_amount: 21000000000, ownership_percentage: 0.05, value_usd: 193200, ...changes }
const dayOfFlows = {
  date: '2026-11-01',
  price_usd: 0.0000092,
  token_amount: 21000000000,
  holders_count: 100,
  total_inflows_count: 42,
  total_outflows_count: 37,
}
const buyer = { address: other, address_label: 'Binance', bought_volume_usd: 9.2, sold_volume_usd: 2.3, trade_volume_usd: 11.5 }
const kindsOfWallet = ['public_figure', 'top_pnl', 'whale', 'smart_trader', 'exchange', 'fresh_wallets']
const flowOf = (kind: string) => ({ [`${kind}_net_flow_usd`]: 5100, [`${kind}_avg_flow_usd`]: 850, [`${kind}_wallet_count`]: 6 })
const transfer = { ...event, from_address: vitalik, to_address: other, transfer_amount: 1000000, transfer_value_usd: 9.2 }
const leader = { trader_address: other, pnl_usd_realised: 1800, pnl_usd_unrealised: 200, pnl_usd_total: 2000, holding_usd: 5400 }
const details = { token_details: { market_cap_usd: 3900000000 }, spot_metrics: { volume_total_usd: 120000000, total_holders: 490000 } }

// ------------------------------------------------------------------ operations

/** Naming premium labels makes a call thirty times as dear. */
const withPremiumLabels: UnitsRule = (request) => (request.body?.premium_labels === true ? 150 : 5)
const SOME_ROWS: JsonSchema = { type: 'object', properties: { data: { type: 'array' }, pagination: { type: 'object' } }, required: ['data', 'pagination'] }
const pagesOf = (most: number): Pages => ({
  page: '/pagination/page',
  size: '/pagination/per_page',
  sizeDefault: 10,
  sizeMost: most,
  last: '/pagination/is_last_page',
})
/** An answer without labels is free (docs.nansen.ai, changelog of 06-11-2026). */
const unlessEmpty = (credits: number): UnitsRule => ({
  most: () => credits,
  actual: (_request, answer) => {
    const data = (answer as { readonly data?: unknown } | null)?.data
    return Array.isArray(data) && data.length === 0 ? 0 : credits
  },
})
const [labels, premiumLabels] = [unlessEmpty(10), unlessEmpty(50)]
const MOST = new Map<UnitsRule, number>().set(withPremiumLabels, 150).set(labels, 10).set(premiumLabels, 50)
/** Labels are not known to be sold by the call. */
const ownPriceOf = (units: UnitsRule) => (units === 1 ? { ownPriceUsd: '0.01' } : units === 5 || units === withPremiumLabels ? { ownPriceUsd: '0.05' } : {})

/** An operation's id is its path with `-` for `/`. */
const post = (path: string, units: UnitsRule, resale: Resale, description: string, asks: Form, sample: unknown): Operation => ({
  id: path.slice(1).replaceAll('/', '-'),
  method: 'POST',
  path,
  description,
  units,
  reads: true,
  resale,
  ...(MOST.has(units) && { maxUnits: MOST.get(units) as number }),
  ...ownPriceOf(units),
  ...asks,
  example: { body: asks.example },
  sample,
})

/** Answers pages of rows. */
const rows = (path: string, units: UnitsRule, resale: Resale, description: string, asks: Form, row: object): Operation => {
  const operation = post(path, units, resale, description, asks, { data: [row], pagination: { page: 1, per_page: 10, is_last_page: true } })
  const most = (asks.body.pagination?.properties as { per_page?: { maximum?: number } } | undefined)?.per_page?.maximum
  return { ...operation, answer: SOME_ROWS, ...(most !== undefined && { pages: pagesOf(most) }) }
}

const smartMoney: readonly Operation[] = [
  // Restricted: approval and significant modification are asked for.
  rows('/smart-money/netflow', 5, 'forbidden', 'Net flows of smart money by token', byChains, { ...asset, ...about, ...flows, trader_count: 7 }),
  rows('/smart-money/holdings', 5, 'forbidden', 'What smart money holds, by token', byChains, holding),
  rows('/smart-money/historical-holdings', 5, 'ask', 'What smart money held', and(byChains, { date_range: date }, { date_range: week }), pastHolding),
  rows('/smart-money/dex-trades', 5, 'forbidden', 'DEX trades of smart money', byChains, { ...trade, ...traded, chain: 'ethereum' }),
  rows('/smart-money/perp-trades', 5, 'forbidden', 'Perpetual trades of smart money', and(anything, { only_new_positions: flag }), perp),
  rows('/smart-money/dcas', 5, 'forbidden', 'Recurring buys of smart money', anything, { ...plan, trader_address: other }),
]

const profiler: readonly Operation[] = [
  rows('/profiler/address/current-balance', 1, 'allowed', 'What an address or entity holds', and(byParty, { hide_spam_token: flag, ...list }), balance),
  rows('/profiler/address/transactions', 1, 'attribution', 'Transactions of an address', ofAddress, transaction),
  rows('/profiler/address/historical-balances', 1, 'allowed', 'What an address or entity held', byPartyAndDate, pastBalance),
  rows('/profiler/address/counterparties', 5, 'attribution', 'Whom one deals with', and(byPartyAndDate, { source_input: text, group_by: text }), counterparty),
  rows('/profiler/address/related-wallets', 1, 'attribution', 'Wallets tied to an address', and(byWallet, { order_by, pagination: pages(1000) }), relative),
  // One object, no pages.
  post('/profiler/address/pnl-summary', 1, 'allowed', 'Realised profit and loss in sum', and(byParty, { date, order_by }, { date: week }), {
    top5_tokens: [{ ...asset, realized_pnl: 1800, realized_roi: 0.4 }],
    ...summary,
  }),
  rows('/profiler/address/pnl', 1, 'allowed', 'Profit and loss by token', byPartyAndDate, profit),
  rows('/profiler/address/labels', labels, 'forbidden', 'Labels of an address', byWallet, label),
  rows('/profiler/address/premium-labels', premiumLabels, 'forbidden', 'Premium labels of an address', byWallet, premiumLabel),
  post('/portfolio/defi-holdings', 1, 'ask', 'DeFi positions of a wallet', form({ wallet_address: address }, { wallet_address: vitalik }), {
    summary: { ...worth, token_count: 1, protocol_count: 1 },
    protocols: [{ protocol_name: 'aave-v3', chain: 'ethereum', ...worth, tokens: [{ symbol: 'WETH', amount: 3.2, value_usd: 9600 }] }],
  }),
]

const tokens: readonly Operation[] = [
  rows('/token-screener', 1, 'attribution', 'Tokens by price and flows', and(byChains, { timeframe: screenerTimeframe }, { timeframe: '24h' }), screened),
  // Restricted with the smart-money filter. That is one value of a member, so the whole operation counts as restricted.
  rows('/tgm/holders', withPremiumLabels, 'forbidden', 'Who holds a token', holders, holder),
  rows('/tgm/flows', 1, 'attribution', 'Flows of a token by day', and(byTokenAndDate, { label: text }), dayOfFlows),
  rows('/tgm/who-bought-sold', 1, 'attribution', 'Who bought and who sold a token', and(byTokenAndDate, { buy_or_sell: text }), buyer),
  post('/tgm/flow-intelligence', 1, 'attribution', 'Flows of a token by kind of wallet', and(byToken, { timeframe, filters }), {
    data: [Object.assign({}, ...kindsOfWallet.map(flowOf))],
  }),
  rows('/tgm/dex-trades', 1, 'attribution', 'DEX trades of a token', byTokenAndDate, { ...trade, action: 'BUY', token_amount: 10, estimated_value_usd: 9.2 }),
  rows('/tgm/transfers', 1, 'attribution', 'Transfers of a token', byTokenAndDate, transfer),
  rows('/tgm/pnl-leaderboard', withPremiumLabels, 'forbidden', 'Who made most with a token', and(byTokenAndDate, { premium_labels: flag }), leader),
  post('/tgm/token-information', 1, 'ask', 'What a token is, with market figures', and(byToken, { timeframe }, { timeframe: '1d' }), {
    data: { name: 'Pepe', symbol: 'PEPE', contract_address: pepe, logo: null, ...details },
  }),
]

export default defineAdapter({
  name: 'nansen',
  title: 'Nansen',
  category: 'On-chain analytics',
  docs: 'https://docs.nansen.ai',
  baseUrl: 'https://api.nansen.ai/api/v1',
  credential: { in: 'header', name: 'apiKey' },
  // No reset date is documented. Whose credits are a grant that does not renew writes `period: none`.
  quota: {
    ...{ unit: 'credit', resets: 'billing-day', typical: [10_000, 50_000], remaining: { header: 'x-nansen-credits-remaining' } },
    // Free: docs.nansen.ai and the CLI's changelog.
    usage: { method: 'GET', path: '/account', remaining: 'credits_remaining' },
    ...{ source: 'docs.nansen.ai, changelog; two third-party catalogues that agree with the x402 tiers', checked: '2026-11-26' },
  },
  subscriptionCostUsd: '500',
  rateLimit: { perSecond: 20, perMinute: 300 },
  terms: {
    attribution: 'Powered by Nansen API',
    source: 'docs.nansen.ai, Data Redistribution Guidelines of 2025-11-18',
    checked: '2026-11-23',
    caching: 'not-found',
  },
  operations: [...smartMoney, ...profiler, ...tokens],
  failures: [
    { status: 401, means: 'credential-refused', bills: false, sample: { message: 'Invalid API key' }, standIn: true },
    { status: 403, bodyHas: 'credit', means: 'quota-exhausted', bills: false, sample: { message: 'Insufficient credits' } },
    { status: 403, bodyHas: 'insufficient', means: 'quota-exhausted', bills: false },
    { status: 403, means: 'plan-lacks-it', bills: false },
    // Else a challenge to pay by x402, meant for callers without a key: never paid, never passed on.
    { status: 402, bodyHas: 'insufficient', means: 'quota-exhausted', bills: false },
    { status: 402, means: 'unknown', bills: false },
    { status: 422, means: 'bad-request', bills: false, sample: { detail: [{ loc: ['body', 'chains'], msg: 'Field required', type: 'missing' }] } },
    { status: 400, means: 'bad-request', bills: false },
    { status: 404, means: 'not-found', bills: false, sample: { detail: 'Not Found' } },
    { status: 429, means: 'rate-limited', bills: false, sample: { error: 'Too many requests' }, standIn: true },
    { status: '5xx', means: 'provider-down', bills: false },
  ],
})
