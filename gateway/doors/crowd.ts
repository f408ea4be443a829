/** Open connections by address, so that no single one takes all there are. Loopback and trusted proxies are exempt. */
import type { Socket } from 'node:net'
import { isLoopback } from '#contract'
import { plainAddress } from './client.ts'

export class Crowd {
  /** Open at once. */
  most: number
  readonly #trusted: (address: string) => boolean
  readonly #open = new Map<string, number>()

  constructor(most: number, trusted: (address: string) => boolean) {
    this.most = most
    this.#trusted = trusted
  }

  /** Ends the connection at once where its address has too many. */
  enter(socket: Pick<Socket, 'remoteAddress' | 'once' | 'destroy'>): void {
    const address = plainAddress(socket.remoteAddress ?? '')
    if (isLoopback(address) || this.#trusted(address)) return
    const open = this.#open.get(address) ?? 0
    if (open >= this.most) return void socket.destroy()
    this.#open.set(address, open + 1)
    socket.once('close', () => this.#leave(address))
  }

  #leave(address: string): void {
    const left = (this.#open.get(address) ?? 1) - 1
    if (left > 0) this.#open.set(address, left)
    else this.#open.delete(address)
  }
}
