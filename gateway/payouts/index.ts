/**
 * Paying owners on chain: the wallet that signs, the node it speaks through, and what the chain proves of a transaction.
 * Who is paid how much, and when, is for gateway/office; what is durable when, for the store's desk.
 */
export { networksOf } from './networks.ts'
export { EvmPayer, type PayerOptions } from './payer.ts'
