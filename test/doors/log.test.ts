/** The log of a process that serves: what must not be read by everybody who can read logs is not in it, however it got there. */
import t from 'tap'
import { logOf } from '../../gateway/doors/cli/log.ts'

const KEY = 'atlas_RPoqiqG3Cyfo_HgllWMYtiW7eumNfJiFVhBbAoVpUBM'

function logging() {
  const lines: string[] = []
  return { log: logOf({ worker: 1 }, { write: (line: string) => void lines.push(line) }), lines }
}

t.test('keys, webhook secrets, authorizations and logins in URLs leave no line whole, in whatever field or text they stand', async (t) => {
  const { log, lines } = logging()
  const secrets = [KEY, 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz', 'dXNlcjpwYXNzd29yZA==', 'eyJhbGciOi.abc-_123', 'pass:wo%20rd']
  const [key, secret, basic, bearer, login] = secrets
  const texts = [`key ${key}`, `{"s":"${secret}"}`, `Authorization: Basic ${basic}`, `bearer ${bearer}`, `redis://${login}@127.0.0.1:6379/0 is gone`]
  for (const text of texts) {
    log.error({ cause: text }, 'in a field')
    log.warn({ error: new Error(text).stack, deep: { deeper: { list: [text] } } }, 'deeper')
    log.info({}, text)
  }
  t.equal(lines.length, 3 * texts.length)
  for (const one of secrets)
    t.notOk(
      lines.some((line) => line.includes(one)),
      one,
    )
  t.ok(lines.every((line) => line.includes('[redacted]')))
  t.ok(
    lines.every((line) => JSON.parse(line).worker === 1),
    'each is JSON still',
  )
})

t.test('fields that hold secrets by their name are not written', async (t) => {
  const { log, lines } = logging()
  for (const name of ['authorization', 'x-payment', 'payment-signature', 'cookie', 'secret', 'password', 'token', 'key', 'api_key']) {
    log.info({ [name]: 'hunter2', headers: { [name]: 'hunter2' }, request: { headers: { [name]: 'hunter2' } } }, 'x')
    t.match(JSON.parse(lines.at(-1) as string), { [name]: '[redacted]', headers: { [name]: '[redacted]' }, request: { headers: { [name]: '[redacted]' } } })
  }
})

t.test('what is no secret stays as it is', async (t) => {
  const { log, lines } = logging()
  const fields = {
    request: 'req_1',
    connection: 'acme',
    transaction: `0x${'ab'.repeat(32)}`,
    url: 'https://api.acme.example/v1?q=1',
    key_id: 'key_1',
    atlas: 'atlas_short',
  }
  log.warn(fields, 'the bearer of good news: https://ops.example/hook')
  t.match(JSON.parse(lines[0] as string), { ...fields, msg: 'the bearer of good news: https://ops.example/hook' })
})
