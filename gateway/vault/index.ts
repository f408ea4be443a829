/**
 * Secrets: credentials of providers at rest (vault.ts) and in use (credentials.ts), and the keys that sign receipts. Never here: anything
 * that prints one. Begin with envelope.ts for how a secret is kept, master-key.ts for what it is kept under.
 */
export { Credentials, type Outgoing } from './credentials.ts'
export { VaultFollower } from './follow.ts'
export { type Jwks, readJwks } from './jws.ts'
export { checkReceipt, MOST_RECEIPT_BYTES, readReceiptText, type ReceiptText } from './receipt.ts'
export { FileShelf, type KeyShelf } from './shelf.ts'
export { publicKeys, SigningKeys } from './signing.ts'
export { keyBytesInFile, masterKeyBytes } from './master-key.ts'
export { blindLook, Vault, vaultLook } from './vault.ts'
