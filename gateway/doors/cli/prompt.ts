/** A secret from the person at the terminal, who sees nothing of it, or from a pipe. It is bytes and never text; who takes it clears it. */
import { Failure } from './context.ts'

/** What of a terminal or a pipe is needed here. */
export interface SecretInput extends AsyncIterable<Buffer | string> {
  readonly isTTY?: boolean
  setRawMode?(on: boolean): unknown
  on(event: 'data' | 'end', listener: (chunk: Buffer) => void): unknown
  off(event: 'data' | 'end', listener: (chunk: Buffer) => void): unknown
  resume(): unknown
  pause(): unknown
}

export interface Prompting {
  readonly input: SecretInput
  readonly output: { write(text: string): unknown }
}

const MOST_BYTES = 64 * 1024
const KEY = { interrupt: 0x03, end: 0x04, backspace: 0x08, lineFeed: 0x0a, enter: 0x0d, clear: 0x15, escape: 0x1b, delete: 0x7f } as const
const STOPPED = 'stopped; nothing was changed'

/** @throws Failure where there is none, or the person has changed his mind */
export async function readSecret(question: string, { input, output }: Prompting = { input: process.stdin, output: process.stderr }): Promise<Buffer> {
  if (input.isTTY === true) return typed(question, { input, output })
  return piped(input)
}

/** All that comes, without the one line break that `echo` puts at the end. */
async function piped(input: SecretInput): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk as Buffer)
    if (typeof chunk !== 'string') chunk.fill(0)
    chunks.push(bytes)
    size += bytes.length
    if (size > MOST_BYTES) throw new Failure(`more than ${MOST_BYTES} bytes were piped; expected the credential alone`)
  }
  const whole = ownBytes(chunks, size)
  const end = whole.at(-1) !== KEY.lineFeed ? whole.length : whole.at(-2) === KEY.enter ? whole.length - 2 : whole.length - 1
  if (end === 0) throw new Failure('nothing was piped; expected the credential on standard input, or a terminal to type it at')
  return whole.subarray(0, end)
}

function ownBytes(chunks: readonly Buffer[], size: number): Buffer {
  const whole = Buffer.alloc(size)
  let at = 0
  for (const chunk of chunks) {
    at += chunk.copy(whole, at)
    chunk.fill(0)
  }
  return whole
}

/** The terminal shows nothing until the line ends, and is as it was afterwards, however that was. */
function typed(question: string, { input, output }: Prompting): Promise<Buffer> {
  const line = new Line()
  return new Promise((resolve, reject) => {
    const signals = ['SIGTERM', 'SIGHUP', 'SIGINT'] as const
    const stop = (): void => finish(new Failure(STOPPED))
    const finish = (failure?: Failure): void => {
      input.off('data', read)
      input.off('end', stop)
      for (const signal of signals) process.off(signal, stop)
      input.setRawMode?.(false)
      input.pause()
      output.write('\n')
      const secret = line.take()
      if (failure === undefined && secret.length > 0) return resolve(secret)
      secret.fill(0)
      reject(failure ?? new Failure('nothing was typed; nothing was changed'))
    }
    const read = (chunk: Buffer): void => {
      const ended = line.add(chunk)
      chunk.fill(0)
      if (ended === 'stopped') stop()
      else if (ended === 'done') finish()
    }
    for (const signal of signals) process.on(signal, stop)
    // Before anybody is asked, so that nothing of the answer is shown.
    input.setRawMode?.(true)
    output.write(question)
    input.on('data', read)
    input.on('end', stop)
    input.resume()
  })
}

/** What has been typed so far. */
class Line {
  readonly #bytes = Buffer.alloc(MOST_BYTES)
  #length = 0
  /** Within a sequence of an arrow key, or around a pasted text: nothing of it is meant. */
  #escape: 'no' | 'begun' | 'within' = 'no'

  add(chunk: Buffer): 'more' | 'done' | 'stopped' {
    for (const byte of chunk) {
      if (this.#escaped(byte)) continue
      if (byte === KEY.enter || byte === KEY.lineFeed) return 'done'
      if (byte === KEY.interrupt) return 'stopped'
      if (byte === KEY.end) return this.#length === 0 ? 'stopped' : 'done'
      if (byte === KEY.backspace || byte === KEY.delete) this.#erase()
      else if (byte === KEY.clear) this.#cut(0)
      else if (byte >= 0x20 && this.#length < MOST_BYTES) {
        this.#bytes[this.#length] = byte
        this.#length += 1
      }
    }
    return 'more'
  }

  take(): Buffer {
    const secret = Buffer.alloc(this.#length)
    this.#bytes.copy(secret, 0, 0, this.#length)
    this.#bytes.fill(0)
    return secret
  }

  /** ESC, then `[` or `O`, then up to a letter or `~` (ECMA-48). */
  #escaped(byte: number): boolean {
    if (this.#escape === 'no') {
      if (byte === KEY.escape) this.#escape = 'begun'
      return byte === KEY.escape
    }
    const opens = this.#escape === 'begun' && (byte === 0x5b || byte === 0x4f)
    const ends = this.#escape === 'begun' || (byte >= 0x40 && byte <= 0x7e)
    this.#escape = opens ? 'within' : ends ? 'no' : 'within'
    return true
  }

  /** One character, however many bytes of UTF-8 it has. */
  #erase(): void {
    let last = this.#length - 1
    while (last > 0 && ((this.#bytes[last] as number) & 0xc0) === 0x80) last -= 1
    this.#cut(Math.max(0, last))
  }

  #cut(length: number): void {
    this.#bytes.fill(0, length, this.#length)
    this.#length = length
  }
}
