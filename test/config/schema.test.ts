/** The schema that editors use is the one that the gateway holds files against, and the copy in the repository is current. */

import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import t from 'tap'
import { schemaText } from '../../config/generate.ts'
import { gatewaySchema } from '../../config/schema.ts'
import { adapters, plugins } from './standins.ts'

t.test('config/gateway.schema.json is current; npm run generate writes it', async (t) => {
  const stored = readFileSync(new URL('../../../config/gateway.schema.json', import.meta.url), 'utf8')
  t.ok(stored === (await schemaText()), 'run npm run generate')
})

t.test('the schema is valid draft-07 and describes every setting', (t) => {
  const schema = gatewaySchema(plugins, adapters)
  const ajv = new Ajv({ strict: false })
  t.ok(ajv.validateSchema(schema), ajv.errorsText())
  const undescribed: string[] = []
  const walk = (part: unknown, path: string): void => {
    if (typeof part !== 'object' || part === null) return
    const { properties, ...others } = part as {
      properties?: Record<string, { description?: string }>
    }
    for (const [name, property] of Object.entries(properties ?? {})) {
      if (!property.description) undescribed.push(`${path}/${name}`)
      walk(property, `${path}/${name}`)
    }
    for (const [name, other] of Object.entries(others)) if (name !== 'examples' && name !== 'default') walk(other, `${path}/${name}`)
  }
  walk(schema, '')
  t.same(undescribed, [])
  t.end()
})

t.test('editors know the names of plugins and adapters', (t) => {
  const text = JSON.stringify(gatewaySchema(plugins, adapters))
  for (const name of [...plugins.keys(), ...adapters.keys()]) t.ok(text.includes(`"${name}"`), name)
  t.end()
})
