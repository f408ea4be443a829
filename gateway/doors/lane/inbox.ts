/**
 * Reading an accepted connection into memory that is there already. For each read node makes 64 KiB, whatever comes, and the
 * collector has to give them back; `onread` (net.Socket) spares that for connections that one makes, but a server cannot ask for it.
 *
 * What `onread` sets is found by its values on a socket that has it. Where it is not found any more, connections are read as
 * any other; test/doors/lane.test.ts says so.
 */
import { Socket } from 'node:net'

const INBOX = Buffer.allocUnsafeSlow(64 * 1024)

type Inner = Record<symbol, unknown> & { readonly _handle?: { useUserBuffer?(buffer: Uint8Array): void } | null }

function membersOf(): { readonly buffer: symbol; readonly callback: symbol } | undefined {
  const callback = (): boolean => true
  const probe = new Socket({ onread: { buffer: INBOX, callback } } as object)
  const inner = probe as unknown as Inner
  const holding = (value: unknown): symbol | undefined => Object.getOwnPropertySymbols(probe).find((member) => inner[member] === value)
  const found = { buffer: holding(INBOX), callback: holding(callback) }
  probe.destroy()
  return found.buffer === undefined || found.callback === undefined ? undefined : { buffer: found.buffer, callback: found.callback }
}

const members = membersOf()

/**
 * From now on each piece is handed to `received`, whose memory is somebody else's afterwards. False where that cannot be: then
 * nothing has changed.
 */
export function readsInto(socket: Socket, received: (borrowed: Buffer) => void): boolean {
  const inner = socket as unknown as Inner
  if (members === undefined || inner._handle?.useUserBuffer === undefined) return false
  inner[members.buffer] = INBOX
  inner[members.callback] = (length: number): boolean => {
    received(INBOX.subarray(0, length))
    return true
  }
  inner._handle.useUserBuffer(INBOX)
  return true
}
