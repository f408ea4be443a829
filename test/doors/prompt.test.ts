/** A secret is typed unseen: nothing of it is echoed, and the terminal is as it was afterwards, however the line ended. */

import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { readSecret, type SecretInput } from '../../gateway/doors/cli/prompt.ts'

/** A terminal: what was written to it, and how it was set. */
function terminal(): {
  input: SecretInput
  output: { write(text: string): void }
  type(...chunks: (string | Buffer)[]): void
  seen: string[]
  typed: Buffer[]
} {
  const keys = new EventEmitter()
  const seen: string[] = []
  const typed: Buffer[] = []
  const nothing = (): undefined => undefined
  const input = Object.assign(keys, {
    ...{ isTTY: true, setRawMode: (on: boolean) => void seen.push(on ? '(raw)' : '(as it was)') },
    ...{ resume: nothing, pause: () => void seen.push('(paused)') },
    [Symbol.asyncIterator]: (): never => {
      throw new Error('a terminal is read key by key')
    },
  })
  return {
    input: input as unknown as SecretInput,
    output: { write: (text) => void seen.push(text) },
    type(...chunks) {
      for (const chunk of chunks) {
        const bytes = Buffer.from(chunk as string)
        typed.push(bytes)
        keys.emit('data', bytes)
      }
    },
    ...{ seen, typed },
  }
}

async function typing(...chunks: (string | Buffer)[]): Promise<{ said: string; seen: string; left: boolean }> {
  const { type, seen, typed, ...streams } = terminal()
  const secret = readSecret('credential: ', streams).then(
    (bytes) => bytes.toString(),
    (error: Error) => `(${error.message})`,
  )
  type(...chunks)
  return { said: await secret, seen: seen.join('|'), left: typed.some((bytes) => bytes.some((byte) => byte !== 0)) }
}

const WHOLE = '(raw)|credential: |(as it was)|(paused)|\n'

t.test('a line is taken as it was typed or pasted, and nothing but the question is ever shown', async (t) => {
  for (const [what, chunks, expected] of [
    ['typed', ['h', 'u', 'n', 't', 'e', 'r', '2', '\r'], 'hunter2'],
    ['pasted with its line break', ['hunter2\n'], 'hunter2'],
    ['pasted as terminals mark it', ['\u001b[200~hunter2\u001b[201~', '\r'], 'hunter2'],
    ['ended with ctrl-d', ['hunter2', '\u0004'], 'hunter2'],
    ['set right with backspace', ['hunterx\u007f3\b2\r'], 'hunter2'],
    ['set right beyond the beginning', ['x\b\b\b', 'hunter2\r'], 'hunter2'],
    ['begun again with ctrl-u', ['wrong\u0015hunter2\r'], 'hunter2'],
    ['with arrow keys between', ['hun\u001b[D\u001bOC\u001b[1;5Cter2\u001b[3~\r'], 'hunter2'],
    ['with a sequence in two parts', ['hun\u001b', '[', 'Dter2\r'], 'hunter2'],
    ['with other control keys between', ['hun\u0001ter\u001a2\t\r'], 'hunter2'],
    ['a character of two bytes, taken back as one', ['päß\u007fs\r'], 'päs'],
    ['a character in two chunks', [Buffer.from([0x70, 0xc3]), Buffer.from([0xa4, 0x0d])], 'pä'],
    ['spaces are characters', [' a b \r'], ' a b '],
    ['what comes after the line is not meant', ['hunter2\rmore\r'], 'hunter2'],
  ] as const) {
    const { said, seen, left } = await typing(...(chunks as readonly (string | Buffer)[]))
    t.strictSame({ said, seen, left }, { said: expected, seen: WHOLE, left: false }, what)
  }
})

t.test('ctrl-c, ctrl-d at the beginning, and an empty line end it: nothing is changed, and the terminal is as it was', async (t) => {
  for (const chunks of [['hunter2', '\u0003'], ['\u0003'], ['\u0004'], ['x\b', '\u0004']])
    t.strictSame(await typing(...chunks), { said: '(stopped; nothing was changed)', seen: WHOLE, left: false })
  for (const chunks of [['\r'], ['abc\u0015\n']]) t.match(await typing(...chunks), { said: '(nothing was typed; nothing was changed)', seen: WHOLE })
})

t.test('a signal or a terminal that goes ends it in the same way', async (t) => {
  const handlers = process.listenerCount('SIGTERM')
  for (const end of [() => process.emit('SIGTERM'), () => process.emit('SIGHUP'), (input: SecretInput) => (input as unknown as EventEmitter).emit('end')]) {
    const { type, seen, ...streams } = terminal()
    const secret = readSecret('credential: ', streams)
    type('hunter2')
    end(streams.input)
    await t.rejects(secret, { message: 'stopped; nothing was changed' })
    t.equal(seen.join('|'), WHOLE)
  }
  t.equal(process.listenerCount('SIGTERM'), handlers)
})

t.test('from a pipe everything is taken but one line break at its end', async (t) => {
  const piped = async (...chunks: (string | Buffer)[]): Promise<string> => {
    const input = new PassThrough()
    for (const chunk of chunks) input.write(chunk)
    input.end()
    const shown: string[] = []
    const said = await readSecret('credential: ', { input: input as unknown as SecretInput, output: { write: (text) => void shown.push(text) } }).then(
      (bytes) => bytes.toString(),
      (error: Error) => `(${error.message})`,
    )
    t.strictSame(shown, [])
    return said
  }
  t.equal(await piped('hunter2\n'), 'hunter2')
  t.equal(await piped('hunter2'), 'hunter2')
  t.equal(await piped('hun', 'ter2\r', '\n'), 'hunter2')
  t.equal(await piped('hunter2\n\n'), 'hunter2\n', 'of two line breaks one is left, for the vault to refuse')
  for (const nothing of ['', '\n', '\r\n']) t.match(await piped(nothing), /^\(nothing was piped; expected the credential on standard input/)
  t.match(await piped('x'.repeat(70_000)), /^\(more than 65536 bytes were piped; expected the credential alone\)$/)
})
