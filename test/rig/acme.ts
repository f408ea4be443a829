/** An API that exists in tests only: its adapter, operations and connections. */

import { type Adapter, type Connection, type Operation, type PeriodRule, type Ratio, ratio, type Usd, units } from '#contract'

const MONTHLY: PeriodRule = { every: 'month', billingDay: 1, zone: 'UTC' }

/** A connection at $0.05 × 3, with 1000 units of which 300 are reserved. */
export function connectionOf(name: string, more: Partial<Connection> = {}): Connection {
  const baseCost: Ratio = more.baseCost ?? ratio(50_000n, 1n)
  const markup: Ratio = more.markup ?? ratio(3n, 1n)
  return {
    name,
    adapter: 'acme',
    owner: 'alice',
    quota: units(1000),
    reserved: units(300),
    unitPrice: ((baseCost.num * markup.num + baseCost.den * markup.den - 1n) / (baseCost.den * markup.den)) as Usd,
    prices: new Map(),
    subscriptionCost: undefined,
    period: MONTHLY,
    terms: 'confirmed',
    baseUrl: 'https://api.acme.example/v1',
    credential: { in: 'header', name: 'X-Key' },
    simulated: false,
    operations: [],
    ...more,
    baseCost,
    markup,
  }
}

export const operationOf = (id: string, more: Partial<Operation> = {}): Operation => ({
  id,
  method: 'GET',
  path: `/${id}`,
  units: 1,
  query: 'any',
  resale: 'allowed',
  sample: {},
  ...more,
})

export const adapterOf = (operations: readonly Operation[], more: Partial<Adapter> = {}): Adapter => ({
  name: 'acme',
  title: 'Acme',
  category: 'Tests',
  docs: 'https://docs.acme.example',
  baseUrl: 'https://api.acme.example/v1',
  credential: { in: 'header', name: 'X-Key' },
  quota: { unit: 'call', resets: 'billing-day' },
  terms: { source: 'docs.acme.example/terms', checked: '2026-11-23' },
  operations,
  failures: [],
  ...more,
})
