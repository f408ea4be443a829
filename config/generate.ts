/** Writes config/gateway.schema.json, which editors complete by, from the declarations: `npm run generate`. */

import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Adapter, Plugin } from '#contract'
import { discover } from './discover.ts'
import { gatewaySchema } from './schema.ts'

/** What the file has to hold for the plugins and adapters that are there. */
export async function schemaText(): Promise<string> {
  const plugins = await discover<Plugin>(new URL('../plugins/', import.meta.url), 'plugin')
  const adapters = await discover<Adapter>(new URL('../adapters/', import.meta.url), 'adapter')
  return `${JSON.stringify(gatewaySchema(plugins, adapters), null, 2)}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFile(new URL('../../config/gateway.schema.json', import.meta.url), await schemaText())
}
