/** What the gateway would refuse to connect to is refused when the file is read, as far as its text tells. */

import t from 'tap'
import { formatComplaint } from '../../config/complaints.ts'
import { loadConfig } from '../../config/load.ts'
import { sandbox, temporaryFolder, vocabulary, writeConfig } from '../rig/gateway.ts'
import { PRIVATE_HOSTS } from '../rig/private-hosts.ts'
import { customConnection } from '../rig/provider.ts'

async function complaintsOf(t: { teardown(work: () => unknown): unknown }, base_url: string): Promise<string> {
  const [plugins, adapters] = await vocabulary()
  const file = writeConfig(temporaryFolder(t), sandbox({ api_connections: [customConnection('', { base_url })] }))
  const { problems } = await loadConfig({ file, env: {}, plugins, adapters })
  return problems.map(formatComplaint).join('\n')
}

t.test('a base_url at an address that is not public is refused, however it is written', async (t) => {
  for (const host of [...PRIVATE_HOSTS, 'localhost', 'LOCALHOST', 'localhost.', 'a.localhost', '192.0.2.1', '203.0.113.9', '[2001:db8::1]']) {
    t.match(await complaintsOf(t, `https://${host}:8443/v1`), 'base_url', host)
    t.match(await complaintsOf(t, `https://${host}:8443/v1`), 'private address', host)
  }
})

t.test('a public one is not', async (t) => {
  for (const host of ['api.acme.example', '8.8.8.8', '[2606:4700:4700::1111]', 'localhost.acme.example'])
    t.equal(await complaintsOf(t, `https://${host}/v1`), '', host)
})
