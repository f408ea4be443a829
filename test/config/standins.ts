/** Adapters and plugins with the settings of the contract and few of their own, so that what a test expects does not move with the real ones. */

import { type Adapter, defineAdapter, definePlugin, type Hooks, type Operation, type Plugin } from '#contract'

const get = (id: string, more: Partial<Operation> = {}): Operation => ({
  id,
  method: 'GET',
  path: `/${id}`,
  units: 1,
  resale: 'allowed',
  sample: {},
  ...more,
})

const adapter = (name: string, more: Partial<Adapter>): Adapter =>
  defineAdapter({
    name,
    title: name.slice(0, 1).toUpperCase() + name.slice(1),
    category: 'Data',
    docs: `https://docs.${name}.example`,
    baseUrl: `https://api.${name}.example/v1`,
    credential: { in: 'header', name: 'X-Key' },
    quota: { unit: 'call', resets: 'billing-day' },
    terms: { source: `${name}.example/terms`, checked: '2026-11-23' },
    operations: [get('search')],
    failures: [],
    ...more,
  })

export const adapters: ReadonlyMap<string, Adapter> = new Map(
  [
    adapter('arkham', {
      quota: { unit: 'call', resets: 'never' },
      operations: [get('labels', { resale: 'ask' }), get('holders', { resale: 'forbidden' }), get('transfers', { resale: 'attribution' })],
    }),
    adapter('custom', {
      baseUrl: undefined,
      credential: { in: 'none' },
      operations: [],
    }),
    adapter('kaito', {
      operations: [
        get('mindshare', { ownPriceUsd: '0.02' }),
        get('search', {
          units: (request) => Number(request.query.limit ?? 1),
          ownPriceUsd: '0.10',
          example: { query: { limit: '5' } },
        }),
      ],
    }),
    adapter('nansen', {
      subscriptionCostUsd: '500',
      quota: {
        unit: 'credit',
        resets: 'billing-day',
        typical: [10_000, 50_000],
      },
    }),
  ].map((one) => [one.name, one]),
)

const create = (): Hooks => ({})

const all: readonly Plugin[] = [
  definePlugin({
    name: 'auth',
    describe: 'Who calls',
    needs: ['payment?'],
    gives: { consumer: ['payment?'] },
    settings: {},
    create,
  }),
  definePlugin({
    name: 'abuse-detect',
    describe: 'Stops who only errs',
    needs: ['consumer'],
    settings: {
      watch: { type: 'boolean', default: false, describe: 'Watch only' },
      after: { type: 'integer', minimum: 1, default: 20, describe: 'Points' },
    },
    create,
  }),
  definePlugin({
    name: 'rate-limit',
    describe: 'A steady pace',
    needs: ['consumer'],
    settings: {
      per_consumer: {
        type: 'rate',
        default: '60/minute',
        describe: 'Calls that one consumer may make',
      },
      burst: {
        type: 'integer',
        minimum: 1,
        default: 20,
        describe: 'Calls that may come at once',
      },
      operations: {
        ...{ type: 'table', of: { type: 'rate', describe: 'Calls of it' }, keys: 'operations', optional: true },
        ...{ example: '{ search: 5/minute }', describe: 'Calls of single operations' },
      },
      fair_use: {
        ...{ type: 'group', optional: true, describe: 'A share' },
        of: {
          share: { type: 'percent', positive: true, describe: 'Of the units' },
          of: { type: 'choice', of: ['left'], default: 'left', describe: 'Of what' },
          window: { type: 'duration', default: '1h', describe: 'How long' },
        },
      },
    },
    create,
  }),
  definePlugin({
    name: 'markup-billing',
    describe: 'The price',
    needs: ['supply'],
    gives: { price: ['supply'] },
    settings: {
      platform_share: {
        type: 'percent',
        default: '10%',
        describe: "The platform's part",
      },
      platform_share_of: {
        type: 'choice',
        of: ['revenue', 'markup'],
        default: 'revenue',
        describe: 'Of what',
      },
    },
    create,
  }),
  definePlugin({
    name: 'x402-payment',
    describe: 'Payment by the call',
    needs: ['price', 'consumer'],
    gives: { payment: [], challenge: ['price'] },
    settings: {
      network: {
        type: 'strings',
        default: 'base-sepolia',
        describe: 'Networks offered',
      },
      facilitator: {
        type: 'strings',
        default: 'sandbox',
        describe: 'Who settles',
      },
      pay_to: { type: 'address', describe: 'The wallet that is paid' },
      asset: {
        type: 'group',
        optional: true,
        describe: 'The token',
        of: {
          address: { type: 'address', describe: 'Contract' },
          name: { type: 'string', describe: 'Name of the EIP-712 domain' },
          version: { type: 'string', describe: 'Its version' },
          decimals: {
            type: 'integer',
            minimum: 0,
            maximum: 36,
            default: 6,
            describe: 'Digits after the point',
          },
        },
      },
      rpc: { type: 'string', optional: true, describe: 'A node' },
      quote_ttl: {
        type: 'duration',
        default: '60s',
        describe: 'How long a price holds',
      },
      settle_timeout: {
        type: 'duration',
        default: '30s',
        describe: 'How long to wait',
      },
      order: {
        type: 'choice',
        of: ['authorization', 'upfront'],
        default: 'authorization',
        describe: 'When money moves',
      },
    },
    create,
  }),
  definePlugin({
    name: 'quota-reserve',
    describe: 'What may be sold',
    needs: ['consumer'],
    gives: { supply: [] },
    settings: {},
    create,
  }),
  definePlugin({
    name: 'egg',
    describe: 'Needs the hen',
    gives: { egg: ['hen'] },
    settings: {},
    create,
  }),
  definePlugin({
    name: 'hen',
    describe: 'Needs the egg',
    gives: { hen: ['egg?'] },
    settings: {},
    create,
  }),
  definePlugin({
    name: 'flat-price',
    describe: 'One price',
    gives: { price: [] },
    settings: { price: { type: 'money', describe: 'Of every call' } },
    create,
  }),
  definePlugin({
    name: 'orphan',
    describe: 'Needs what is not there',
    needs: ['weather'],
    settings: {},
    create,
  }),
]

export const plugins: ReadonlyMap<string, Plugin> = new Map(all.map((plugin) => [plugin.name, plugin]))
