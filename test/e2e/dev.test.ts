/** `npm run dev`: what is written in a source serves a moment later, and a source that cannot be read ends nothing for good. */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { temporaryFolder } from '../rig/folder.ts'
import { sandbox, until, writeConfig } from '../rig/gateway.ts'
import { copyOfHouse } from '../rig/house.ts'

const READY = /serves consumers on (\S+)/g
const LONG_MS = 30_000

t.test('a changed source is built and served, a broken one is told and mended, and the gateway ends with its command', async (t) => {
  const house = copyOfHouse(t)
  const file = writeConfig(temporaryFolder(t), sandbox())
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, ['gateway/dev.mjs', '--config', file], { cwd: house, env: { PATH, HOME, PORT: '0', ADMIN_PORT: '0' } })
  const ended = new Promise((resolve) => child.once('close', resolve))
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said += chunk
    })
  t.teardown(() => {
    child.kill('SIGTERM')
    return ended
  })
  const starts = (): string[] => [...said.matchAll(READY)].map(([, url = '']) => url)
  const title = async (): Promise<unknown> => {
    const { apis } = (await (await fetch(`${starts().at(-1)}/catalog`)).json()) as { apis: { title: string }[] }
    return apis[0]?.title
  }
  await until('it serves', () => starts().length === 1, LONG_MS)
  t.equal(await title(), 'Nansen')

  const source = join(house, 'adapters/nansen.ts')
  const text = readFileSync(source, 'utf8')
  writeFileSync(source, text.replace("title: 'Nansen'", "title: 'Nansen, changed'"))
  await until(`it serves again: ${said}`, () => starts().length === 2, LONG_MS)
  t.match(said, /^dev: 1 file built in \d+ ms; starting again$/m)
  t.equal(await title(), 'Nansen, changed')

  writeFileSync(source, 'export default {')
  await until('it says that it cannot', () => /^dev: the gateway has ended; the next change starts it again$/m.test(said), LONG_MS)
  writeFileSync(source, text)
  await until('it serves what is mended', () => starts().length === 3, LONG_MS)
  t.equal(await title(), 'Nansen')

  const last = starts().at(-1)
  child.kill('SIGINT')
  t.equal(await ended, 0)
  await t.rejects(fetch(`${last}/healthz`), 'nothing is left')
})
