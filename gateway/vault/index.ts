/** Secrets: credentials of providers and keys that sign receipts, and the lines that use them. Never here: anything that prints one. */
export { Credentials, type Outgoing } from './credentials.ts'
export { type Jwks, readJwks } from './jws.ts'
export { checkReceipt, MOST_RECEIPT_BYTES, readReceiptText, type ReceiptText } from './receipt.ts'
export { FileShelf, type KeyShelf } from './shelf.ts'
export { publicKeys, SigningError, SigningKeys } from './signing.ts'
