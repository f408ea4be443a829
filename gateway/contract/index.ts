/**
 * The vocabulary that every room speaks: types and pure values, no I/O, no state, no imports of ours from outside.
 *
 * Read in this order: money (what things cost), refusal (how a call is turned away), call (what travels),
 * claim (what a call takes from the store), plugin and adapter (what a contributor writes),
 * ports (what the rooms offer each other), settings (how a declaration becomes types, checks and docs).
 */
export * from './money.ts'
export * from './time.ts'
export * from './refusal.ts'
export * from './payment.ts'
export * from './networks.ts'
export * from './connection.ts'
export * from './adapter.ts'
export * from './call.ts'
export * from './claim.ts'
export * from './outcome.ts'
export * from './settings.ts'
export * from './plugin.ts'
export * from './record.ts'
export * from './ports.ts'
export * from './beside.ts'
export * from './store.ts'
export * from './audit.ts'
export * from './outbound.ts'
export * from './passing.ts'
export * from './stretch.ts'
export * from './notice.ts'
export * from './webhook.ts'
export * from './unwise.ts'
export * from './vetting.ts'
export * from './keys.ts'
export * from './digest.ts'
export * from './addresses.ts'
export * from './scan.ts'
export * from './vault.ts'
export * from './hex.ts'
export * from './abuse.ts'
