/** Who calls: an owner's or a consumer's key, else a wallet that signed in, else the wallet that the payment names, else nobody in particular. */
import { type Call, type Consumer, definePlugin, type KeyRecord, refuse, sha256, shownKey, whyKeyIsBad } from '#contract'

function withKey({ id, role, owner, account, capPerDay, capPerMonth }: KeyRecord): Consumer {
  if (role === 'owner') return { kind: 'owner', id: `key:${id}`, keyId: id, owner: owner ?? 'operator' }
  return {
    ...{ kind: 'key', id: `key:${id}`, keyId: id, account },
    ...(capPerDay !== undefined && { capPerDay }),
    ...(capPerMonth !== undefined && { capPerMonth }),
  }
}

export default definePlugin({
  name: 'auth',
  describe: 'Keys of owners and consumers, and wallets that pay',
  gives: { consumer: ['payment?', 'signedIn?'] },
  settings: {},
  create: (_settings, { keys, clock }) => {
    /** One of each key, as long as the key is as it is: whatever is kept by consumer is found again. */
    const consumers = new WeakMap<KeyRecord, Consumer>()
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
      let consumer = consumers.get(key)
      if (consumer === undefined) {
        consumer = withKey(key)
        consumers.set(key, consumer)
      }
      return consumer
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
