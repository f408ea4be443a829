/**
 * What recorded calls say of what is to come: when a quota runs out and what stays unsold (`forecast.ts`), and what another
 * configuration would have made of the same calls (`simulate.ts`, by the engine's chain and the store's rules). Read
 * `recorded.ts` for what is known. Pure: records in, figures out; whoever asks reads them from a gateway or its store.
 */
export { type Recorded, RecordedReader, type RecordedHead, type ConnectionNow } from './recorded.ts'
export { FORECAST_DAYS, type Forecast, forecastOf } from './forecast.ts'
export { readFrom, type Side, type Simulation, simulate } from './simulate.ts'
