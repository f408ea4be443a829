/** How the many of the state stand in a snapshot's tables, each beside the text by which it is asked for. */
import { type KeyRecord, NOTHING, type Usd } from '#contract'
import type { Codec } from './layered.ts'
import { integerAt, type Pen, textAt, textEnd } from './pen.ts'
import type { KeyCreated } from './records.ts'
import { type Account, keyFrom, type NamedCall, type SpentSum, storedKey } from './state-parts.ts'

/** What calls hold of it is not written down. */
export const accounts: Codec<Account> = {
  write: (pen, { posted }) => pen.integer(posted),
  read: (bytes, at) => ({ posted: integerAt(bytes, at) as Usd, held: NOTHING }),
}

export const moments: Codec<number> = {
  write: (pen, atMs) => pen.float(atMs),
  read: (bytes, at) => bytes.readDoubleLE(at),
}

export const spendings: Codec<SpentSum> = {
  write(pen, { turn, amount }) {
    pen.float(turn)
    pen.integer(amount)
  },
  read: (bytes, at) => ({ turn: bytes.readDoubleLE(at), amount: integerAt(bytes, at + 8) }),
}

export const idLists: Codec<readonly string[]> = {
  write: (pen, ids) => pen.text(JSON.stringify(ids)),
  read: (bytes, at) => JSON.parse(textAt(bytes, at)) as string[],
}

const DIGEST = /^[0-9a-f]{64}$/
const DIGEST_BYTES = 32

/** A SHA-256 in hex takes half; what only looks like one, or is none, stands as text. */
function writeDigest(pen: Pen, digest: string): void {
  const isHex = DIGEST.test(digest)
  pen.byte(isHex ? 1 : 0)
  if (isHex) pen.hex(digest)
  else pen.text(digest)
}

const digestAt = (bytes: Buffer, at: number): string => (bytes[at] === 1 ? bytes.toString('hex', at + 1, at + 1 + DIGEST_BYTES) : textAt(bytes, at + 1))
const digestEnd = (bytes: Buffer, at: number): number => (bytes[at] === 1 ? at + 1 + DIGEST_BYTES : textEnd(bytes, at + 1))

const STATES: readonly NamedCall['state'][] = ['waiting', 'settling', 'unknown', 'charged', 'lost']

export const namedCalls: Codec<NamedCall> = {
  write(pen, { digest, receipt, untilMs, state }) {
    pen.float(untilMs)
    pen.byte(STATES.indexOf(state))
    writeDigest(pen, digest)
    pen.text(receipt)
  },
  read(bytes, at) {
    const digest = at + 9
    return {
      digest: digestAt(bytes, digest),
      receipt: textAt(bytes, digestEnd(bytes, digest)),
      untilMs: bytes.readDoubleLE(at),
      state: STATES[bytes[at + 8] as number] as NamedCall['state'],
      waiters: [],
    }
  },
}

type Rest = Omit<KeyCreated['key'], 'id' | 'hash' | 'account' | 'createdAtMs'>

/** What most keys are besides. */
const PLAIN: Rest = { role: 'consumer' }
const PLAIN_TEXT = JSON.stringify(PLAIN)
const OWN_ACCOUNT = 1
const HAS_REST = 2

/** Begins with the hash, by which keys are found, too. */
export function writeKey(pen: Pen, key: KeyRecord): void {
  const { id, hash, account, createdAtMs, ...rest } = storedKey(key)
  const text = JSON.stringify(rest)
  const isOwn = account === `key:${id}`
  writeDigest(pen, hash)
  pen.float(createdAtMs)
  pen.byte((isOwn ? OWN_ACCOUNT : 0) | (text === PLAIN_TEXT ? 0 : HAS_REST))
  if (!isOwn) pen.text(account)
  if (text !== PLAIN_TEXT) pen.text(text)
}

export const hashOfKey = digestAt

export function readKey(id: string, bytes: Buffer, at: number): KeyRecord {
  const rest = restOfKey(bytes, at)
  const created = digestEnd(bytes, at)
  const isOwn = ((bytes[created + 8] as number) & OWN_ACCOUNT) !== 0
  const account = isOwn ? `key:${id}` : textAt(bytes, created + 9)
  const key = { id, hash: digestAt(bytes, at), role: PLAIN.role, account, createdAtMs: bytes.readDoubleLE(created) } as KeyRecord
  return rest === undefined ? key : keyFrom({ key: { ...key, ...(JSON.parse(rest) as Rest) } as KeyCreated['key'] })
}

/** JSON of what a key is beyond an ordinary one. */
export function restOfKey(bytes: Buffer, at: number): string | undefined {
  const flags = digestEnd(bytes, at) + 8
  const has = bytes[flags] as number
  if ((has & HAS_REST) === 0) return undefined
  return textAt(bytes, (has & OWN_ACCOUNT) === 0 ? textEnd(bytes, flags + 1) : flags + 1)
}
