/** A pattern that runs away is refused before it is ever used; one that does not is taken, and runs in no time. */
import { Worker } from 'node:worker_threads'
import t from 'tap'
import { faultOfPattern } from '../../config/adapter-check/runaway.ts'

/** Each with a text on which it would go on for ages, or for far too long where the text is a request's body. */
const RUNAWAYS: Readonly<Record<string, string>> = {
  '^(a+)+$': `${'a'.repeat(40)}!`,
  '^(a*)*$': `${'a'.repeat(40)}!`,
  '^(a|a)*$': `${'a'.repeat(40)}!`,
  '^(a|aa)+$': `${'a'.repeat(60)}!`,
  '^(a?b?)*c$': 'ab'.repeat(30),
  '^(a*b?)*$': `${'a'.repeat(40)}!`,
  '^([a-z]+)*@': 'a'.repeat(40),
  '^(\\w+\\s?)*$': `${'a '.repeat(30)}!`,
  '^([0-9]{1,3}){1,20}$': `${'1'.repeat(60)}!`,
  '^(x+x+)+y$': 'x'.repeat(40),
  '^(.*,){20}x$': ','.repeat(40),
  '(a+)+$': `${'a'.repeat(40)}!`,
  // Squares and cubes of the length.
  '^[a-z]*[a-z]*[a-z]*[a-z]*$': `${'a'.repeat(4000)}!`,
  '^\\d+\\d+\\d+\\d+x$': '1'.repeat(4000),
  '[0-9]+[a-z0-9]*[0-9a-f]*x': '1'.repeat(4000),
}

const SAFE = [
  ...['', 'abc', '^abc$', '^a+$', '^[a-z0-9_-]{1,40}$', '^[A-Za-z0-9_]{1,15}$', '^0x[0-9a-fA-F]{40}$', '[0-9]+', 'x.*', '^.*$', '^.+?,$'],
  ...['^[^,\\s]+(,[^,\\s]+){0,99}$', '^\\d{4}-\\d{2}-\\d{2}(T[0-9:.]+(Z|[+-]\\d{2}:\\d{2})?)?$', '^[1-9][0-9]*[a-z]+$', '^(a|b)*$', '^a*b*$', '^(ab)+$'],
  ...['^(?:[a-z]+\\.)+[a-z]+$', '^a$|^b+$', '^(confirmed|agreement:\\S.*)$', '^\\/[\\]a-c\\-]+$', '^é+x$', '^(a{2}){3}$', '^[^:]+:[^,:]+(,[^:,]+:[^:,]+)*$'],
]

/** Milliseconds; Infinity where it is not over in time. */
async function tookMs(pattern: string, text: string, withinMs: number): Promise<number> {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads')
    const before = performance.now()
    new RegExp(workerData.pattern, 'u').test(workerData.text)
    parentPort.postMessage(performance.now() - before)`
  const worker = new Worker(source, { eval: true, workerData: { pattern, text } })
  const late = new Promise<number>((resolve) => setTimeout(resolve, withinMs, Number.POSITIVE_INFINITY))
  const took = await Promise.race([new Promise<number>((resolve) => worker.once('message', resolve)), late])
  await worker.terminate()
  return took
}

t.test('what runs away is refused, and it does run away', async (t) => {
  for (const pattern of Object.keys(RUNAWAYS)) t.match(faultOfPattern(pattern) ?? '', /^can run away: /, pattern)
  const took = await Promise.all(
    Object.entries(RUNAWAYS)
      .slice(0, 3)
      .map(([pattern, text]) => tookMs(pattern, text, 1_000)),
  )
  t.strictSame(took, [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY])
})

t.test('what does not is taken, and is quick on long texts of its own characters', (t) => {
  for (const pattern of SAFE) {
    t.equal(faultOfPattern(pattern), undefined, pattern)
    const expression = new RegExp(pattern, 'u')
    for (const character of ['a', '1', ',', ':', '.', 'ab', ' ', 'é', 'x,']) {
      const before = performance.now()
      expression.test(`${character.repeat(20_000)}!`)
      t.ok(performance.now() - before < 200, `${pattern} on ${character}`)
    }
  }
  t.end()
})

t.test('what cannot be judged is refused with what stands in the way', (t) => {
  const refused: Readonly<Record<string, RegExp>> = {
    ...{ '^(?=a)b$': /look-around/, '^(a)\\1$': /\\1/, '^\\bfoo$': /\\b/, '^\\p{L}+$': /\\p/, 'a^b': /\^ or \$ within/, '(^a|b)': /within/ },
    ...{ '[': /^is no regular expression/, '(': /^is no regular expression/, [`^${'a'.repeat(1000)}$`]: /longer than 1000/, '^(a{60}){60}$': /its length/ },
  }
  for (const [pattern, says] of Object.entries(refused)) t.match(faultOfPattern(pattern) ?? 'nothing', says, pattern)
  t.end()
})

t.test('judging takes no time that a start would notice, whatever the pattern', (t) => {
  const dense = `^${Array.from({ length: 60 }, (_, at) => `(${String.fromCharCode(97 + (at % 26))}|b)*`).join('')}$`
  for (const pattern of [dense, `^${'[a-z]?'.repeat(150)}$`, `^${'(a|b)'.repeat(90)}*$`]) {
    const before = performance.now()
    faultOfPattern(pattern)
    t.ok(performance.now() - before < 1_000, pattern.slice(0, 30))
  }
  t.end()
})
