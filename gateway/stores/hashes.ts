/** Hashes of texts by their UTF-16 units: short, quick, and none that has to be hard to meet. */

export const FIRST_SEED = 0x811c9dc5
export const SECOND_SEED = 0x2f0b4c47
export const FNV = 0x01000193

/** Two halves of the 64 bits. */
export interface IdHash {
  readonly high: number
  readonly low: number
}

export function hashOfId(id: string): IdHash {
  return { high: hashFrom(FIRST_SEED, id), low: hashFrom(SECOND_SEED, id) }
}

/** FNV-1a by UTF-16 units, its bits mixed once more: Bloom probes need all of them (murmur3's last step). */
export function hashFrom(seed: number, id: string): number {
  let hash = seed
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), FNV)
  return mixed(hash)
}

export function mixed(hash: number): number {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
