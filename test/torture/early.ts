/** Preloaded into a gateway as the control: answers before the charge is durable. The torture has to find it out. */
import { EmbeddedStore } from '../../gateway/stores/embedded.ts'

const { commit } = EmbeddedStore.prototype

EmbeddedStore.prototype.commit = async function early(this: EmbeddedStore, ...move) {
  // Written a moment later, as by somebody who trusts his disk.
  setTimeout(() => void commit.apply(this, move).catch(() => undefined), 5)
}
