/**
 * A ground that writes audit lines as fast as it can and says on stdout, a line each, which are acknowledged: `ok <subject>`. Every
 * third line comes with an act. It is there to be killed.
 *
 *     node audit-writer.js CONFIG PREFIX
 */
import { discover } from '../../config/discover.ts'
import { loadConfig } from '../../config/load.ts'
import type { Adapter, Plugin } from '#contract'
import { openGround } from '../../gateway/ground/index.ts'
import { noted } from './audit.ts'
import { memoryLog } from './scripted.ts'

const [, , file = '', prefix = ''] = process.argv
const AT_ONCE = 20

async function run(): Promise<void> {
  const [plugins, adapters] = await Promise.all([
    discover<Plugin>(new URL('../../plugins/', import.meta.url), 'plugin'),
    discover<Adapter>(new URL('../../adapters/', import.meta.url), 'adapter'),
  ])
  const { config } = await loadConfig({ file, env: {}, plugins, adapters })
  if (config === undefined) throw new Error('the configuration is not good')
  const { audit, admin } = await openGround(config, { log: memoryLog([]) })
  for (let count = 0; ; ) {
    const together = Array.from({ length: 1 + (count % AT_ONCE) }, async () => {
      count += 1
      const entry = { ...noted(count), subject: `${prefix}-${String(count).padStart(6, '0')}` }
      await (count % 3 === 0 ? admin.setEnabled('nansen', count % 2 === 0, true, entry) : audit.write(entry))
      process.stdout.write(`ok ${entry.subject}\n`)
    })
    await Promise.all(together)
  }
}

if (process.argv[1]?.endsWith('audit-writer.js') === true) void run()
