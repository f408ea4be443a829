/** Preloaded into a soaked gateway as the control: breaks one promise now and then. A soak has to find it out. ATLAS_SOAK_BREAK says which. */
import { EmbeddedStore } from '../../gateway/stores/embedded.ts'

export const BREAKS = ['release', 'charge', 'refund', 'timer', 'memory', 'rejection'] as const
export type Break = (typeof BREAKS)[number]

const EVERY = 3
let count = 0
const now = (): boolean => {
  count += 1
  return count % EVERY === 0
}
const { release, commit, refund } = EmbeddedStore.prototype
const kept: Buffer[] = []

const breaks: Readonly<Record<Break, () => void>> = {
  // What was held for a call that came to nothing stays held.
  release: () => {
    EmbeddedStore.prototype.release = function forgets(this: EmbeddedStore, ...move) {
      return now() ? undefined : release.apply(this, move)
    }
  },
  // An answered call is not charged.
  charge: () => {
    EmbeddedStore.prototype.commit = function forgets(this: EmbeddedStore, ...move) {
      if (!now()) return commit.apply(this, move)
      release.call(this, move[0], 'returned')
      return Promise.resolve()
    }
  },
  refund: () => {
    EmbeddedStore.prototype.refund = async function forgets(this: EmbeddedStore, ...move) {
      if (!now()) await refund.apply(this, move)
    }
  },
  timer: () => {
    EmbeddedStore.prototype.commit = function leaks(this: EmbeddedStore, ...move) {
      setTimeout(() => undefined, 86_400_000).unref()
      return commit.apply(this, move)
    }
  },
  memory: () => {
    EmbeddedStore.prototype.commit = function leaks(this: EmbeddedStore, ...move) {
      kept.push(Buffer.alloc(8_192, 1))
      return commit.apply(this, move)
    }
  },
  rejection: () => {
    EmbeddedStore.prototype.commit = function rejects(this: EmbeddedStore, ...move) {
      if (now()) void Promise.reject(new Error('nobody waits for this'))
      return commit.apply(this, move)
    }
  },
}

breaks[process.env.ATLAS_SOAK_BREAK as Break]()
