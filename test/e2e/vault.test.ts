/** Credentials in the vault, as an operator puts them there and replaces them while consumers call. */

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { COMMAND, startAtlas } from '../rig/atlas.ts'
import { bearer } from '../rig/gateway.ts'
import { modeOf, secretIn, vaultIn } from '../rig/vault.ts'
import { FIRST, holds, openVaultShop, SECOND } from '../rig/vault-shop.ts'

t.test('a credential is piped in before the first start, replaced and put under another key while consumers call, and is nowhere else', async (t) => {
  const { provider, folder, file, put, run, said } = await openVaultShop(t)
  t.match(await run(['check']), {
    status: 1,
    stderr: /:\d+:\d+: vault:acme cannot be resolved: the vault has no acme; add it with: atlas connection add acme$/m,
  })
  t.notOk(existsSync(join(folder, 'data')), 'looking makes nothing')
  t.match(await put('add', FIRST), { status: 0, stdout: 'acme is in the vault, version 1\nacme uses it from the next start on\n' })
  for (const name of ['vault.json', 'master.key']) t.equal(modeOf(join(folder, 'data', name)), '600', name)
  const gateway = await startAtlas(t, file)
  const made = await run(['key', 'create', '--credits', '$9000'], gateway.env)
  const key = made.stdout.split('\n', 1)[0] ?? ''
  const call = async (): Promise<number | string> => {
    const response = await fetch(`${gateway.publicUrl}/acme/search?q=x`, { headers: bearer(key) })
    const text = await response.text()
    return response.status === 200 ? 200 : text
  }
  const carried = (): unknown => provider.seen.at(-1)?.headers['x-key']
  t.strictSame([await call(), carried()], [200, FIRST])

  let over = false
  const statuses: (number | string)[] = []
  const calling = (async () => {
    while (!over) {
      statuses.push(await call())
      // The commands beside it want the processor, too.
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  })()
  t.match(await put('rotate', SECOND, gateway.env), {
    status: 0,
    stdout: 'acme is in the vault, version 2; the one before is gone\nacme uses it from the next call on\n',
    stderr: /^the gateway at http:\/\/127\.0\.0\.1:\d+ answered$/m,
  })
  const from = provider.seen.length + 3
  await provider.asked(from + 10)
  t.match(await run(['vault', 'rotate', '--data-keys'], gateway.env), {
    status: 0,
    stdout: /^master key [0-9a-f]{16} is replaced by [0-9a-f]{16}, for 1 credential\n$/,
  })
  const after = provider.seen.length
  await provider.asked(after + 10)
  over = true
  await calling
  t.strictSame([...new Set(statuses)], [200], 'no call fails')
  t.strictSame([...new Set(provider.seen.map(({ headers }) => headers['x-key']))], [FIRST, SECOND])
  t.ok(
    provider.seen.slice(from).every(({ headers }) => headers['x-key'] === SECOND),
    'what is called later carries the new one',
  )

  t.match((await run(['connection', 'list'], gateway.env)).stdout, /^acme +2 +[0-9a-f]{16} .* 0 d +acme$/m)
  t.match(await run(['connection', 'remove', 'acme'], gateway.env), {
    status: 1,
    stderr: /^acme of the configuration uses vault:acme; take it out there first, or say --force$/m,
  })
  await gateway.stop()
  said.push(gateway.stdout(), gateway.stderr())
  const again = await startAtlas(t, file)
  t.equal((await fetch(`${again.publicUrl}/acme/search?q=x`, { headers: bearer(key) })).status, 200)
  t.equal(carried(), SECOND)
  t.match(await run(['connection', 'remove', 'acme', '--force'], again.env), {
    status: 0,
    stdout: /^acme is out of the vault\nacme still refers to it: a running gateway goes on with it, and the next start is refused\n$/,
  })
  await again.stop()
  said.push(again.stdout(), again.stderr())
  t.strictSame(holds(folder, said, [FIRST, SECOND]), [])
})

const SCRIPT = '/usr/bin/script'

t.test('typed at a terminal nothing of it is shown, and ctrl-c changes nothing', async (t) => {
  if (!existsSync(SCRIPT)) return t.fail(`${SCRIPT} is missing, which makes a terminal; install bsdutils (Debian) or util-linux`)
  const { file, folder } = await openVaultShop(t)
  const typed = (keys: string): Promise<{ shown: string; status: number | null }> => {
    const env = { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0', ADMIN_PORT: '1', SHELL: '/bin/sh' }
    const child = spawn(SCRIPT, ['-qec', `${process.execPath} ${COMMAND} connection add acme --config ${file}`, '/dev/null'], { env })
    let shown = ''
    let asked = false
    child.stdout.on('data', (chunk) => {
      shown += chunk
      if (asked || !shown.includes('(not shown): ')) return
      asked = true
      child.stdin.write(keys)
    })
    return new Promise((resolve) => child.once('close', (status) => resolve({ shown, status })))
  }
  const stopped = await typed(`${FIRST}\u0003`)
  t.match(stopped, { status: 1, shown: /stopped; nothing was changed/ })
  const { shown, status } = await typed(`${FIRST}x\u007f\r`)
  t.equal(status, 0, shown)
  t.match(shown, /^credential of acme \(not shown\): \r\n/)
  t.notOk((stopped.shown + shown).includes(FIRST.slice(0, 6)))
  t.equal(await secretIn(vaultIn(join(folder, 'data')), 'acme'), FIRST)
})
