/**
 * Collections for what comes and goes with every call. A Map or a Set that gains and loses members all the time makes a new
 * table whenever the old one is full of holes, and V8 chains the old ones (OrderedHashTable's next table): one that has grown
 * old keeps alive whatever stood in it, and all that came after, until the next full collection. Nothing here keeps anything
 * that has left. Measured: docs/performance.md.
 */

interface Node<V> {
  readonly key: string
  readonly hash: number
  value: V | undefined
  next: Node<V> | undefined
}

const FIRST_BUCKETS = 256

/** Values by text, in no order. */
export class PassingMap<V> {
  #buckets: (Node<V> | undefined)[] = new Array<Node<V> | undefined>(FIRST_BUCKETS).fill(undefined)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: string): V | undefined {
    const hash = hashOf(key)
    for (let node = this.#buckets[hash & (this.#buckets.length - 1)]; node !== undefined; node = node.next)
      if (node.hash === hash && node.key === key) return node.value
    return undefined
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  set(key: string, value: V): void {
    const hash = hashOf(key)
    const at = hash & (this.#buckets.length - 1)
    for (let node = this.#buckets[at]; node !== undefined; node = node.next) {
      if (node.hash !== hash || node.key !== key) continue
      node.value = value
      return
    }
    this.#buckets[at] = { key, hash, value, next: this.#buckets[at] }
    this.#size += 1
    if (this.#size > this.#buckets.length) this.#grow()
  }

  delete(key: string): boolean {
    const hash = hashOf(key)
    const at = hash & (this.#buckets.length - 1)
    let before: Node<V> | undefined
    for (let node = this.#buckets[at]; node !== undefined; before = node, node = node.next) {
      if (node.hash !== hash || node.key !== key) continue
      if (before === undefined) this.#buckets[at] = node.next
      else before.next = node.next
      node.value = undefined
      node.next = undefined
      this.#size -= 1
      return true
    }
    return false
  }

  /** As they stand now: what comes or goes while somebody looks changes nothing for him. */
  values(): V[] {
    const found: V[] = []
    for (const first of this.#buckets) for (let node = first; node !== undefined; node = node.next) found.push(node.value as V)
    return found
  }

  #grow(): void {
    const old = this.#buckets
    this.#buckets = new Array<Node<V> | undefined>(old.length * 2).fill(undefined)
    for (let from = 0; from < old.length; from += 1) {
      for (let node = old[from]; node !== undefined; ) {
        const { next } = node
        const at = node.hash & (this.#buckets.length - 1)
        node.next = this.#buckets[at]
        this.#buckets[at] = node
        node = next
      }
      old[from] = undefined
    }
  }
}

/** FNV-1a. Who chooses the keys is ourselves: they hold chance. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  return hash >>> 0
}

/** Knows its place on the one roll that it may stand on. */
export interface Rolled {
  /** -1 where it stands on none. */
  place: number
}

/** Members in no order; each may leave from where it stands. */
export class Roll<T extends Rolled> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    if (member.place !== -1) return
    member.place = this.#members.length
    this.#members.push(member)
  }

  delete(member: T): void {
    const { place } = member
    if (place === -1) return
    member.place = -1
    const last = this.#members.pop() as T
    if (last === member) return
    this.#members[place] = last
    last.place = place
  }

  /** As they stand now. */
  all(): T[] {
    return this.#members.slice()
  }
}
