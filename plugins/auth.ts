/** Who calls: an owner's or a consumer's key, else a wallet that signed in, else the wallet that the payment names, else nobody in particular. */
import { type Call, type Consumer, definePlugin, refuse, sha256, shownKey, whyKeyIsBad } from '#contract'

export default definePlugin({
  name: 'auth',
  describe: 'Keys of owners and consumers, and wallets that pay',
  gives: { consumer: ['payment?', 'signedIn?'] },
  settings: {},
  create: (_settings, { keys, clock }) => {
    /** Constant work: hashed and looked up whatever was shown; only the hash is compared. */
    const consumerOf = (call: Call): Consumer => {
      const shown = shownKey((name) => call.header(name))
      if (shown === undefined) {
        const { signedIn } = call
        if (signedIn !== undefined && 'why' in signedIn) return { kind: 'refused', id: `address:${call.address}`, why: signedIn.why }
        if (signedIn !== undefined && 'wallet' in signedIn) {
          const account = `wallet:${signedIn.wallet}`
          return { kind: 'signed', id: account, wallet: signedIn.wallet, account }
        }
        const payer = call.payment?.payer
        return payer === undefined ? { kind: 'anonymous', id: `address:${call.address}` } : { kind: 'wallet', id: `wallet:${payer}`, wallet: payer }
      }
      const key = keys.byHash(sha256(shown))
      const why = whyKeyIsBad(key, clock.nowMs())
      if (key === undefined || why !== undefined) return { kind: 'refused', id: `address:${call.address}`, why: why ?? 'the key is unknown' }
      if (key.role === 'owner') return { kind: 'owner', id: `key:${key.id}`, keyId: key.id, owner: key.owner ?? 'operator' }
      const consumer = { kind: 'key', id: `key:${key.id}`, keyId: key.id, account: key.account } as const
      const { capPerDay, capPerMonth } = key
      if (capPerDay === undefined && capPerMonth === undefined) return consumer
      return { ...consumer, ...(capPerDay !== undefined && { capPerDay }), ...(capPerMonth !== undefined && { capPerMonth }) }
    }
    return {
      facts: { consumer: consumerOf },
      admit: ({ consumer, signedIn }) => {
        if (signedIn !== undefined && 'lost' in signedIn)
          return refuse('unavailable', 'the signature of the wallet cannot be checked now', { cause: signedIn.lost, retryAfterSeconds: 5 })
        return consumer.kind === 'refused' ? refuse('unauthenticated', consumer.why, { headers: { 'www-authenticate': 'Bearer' } }) : undefined
      },
    }
  },
})
