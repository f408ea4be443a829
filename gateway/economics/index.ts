/**
 * What recorded calls say of what is to come: when a quota runs out and what stays unsold (`forecast.ts`), and what another
 * configuration would have made of the same calls (`simulate.ts`, by the engine's chain and the store's rules); and what they were,
 * in sums (`sales.ts`, `burn.ts`). Read
 * `recorded.ts` for what is known. Pure: records in, figures out; whoever asks reads them from a gateway or its store.
 */
export { type Recorded, RecordedText } from './recorded.ts'
export { RecordedReader } from './recorded-reader.ts'
export { type Forecast, forecastOf, forecastsOf } from './forecast.ts'
export { DAY_MS, FORECAST_DAYS, Uses } from './uses.ts'
export { OTHERS, Sales, type Spend, type Window } from './sales.ts'
export { type Burn, burnOf, type BurnPoint, windowOf } from './burn.ts'
export { readFrom, type Side, type Simulation, simulate } from './simulate.ts'
