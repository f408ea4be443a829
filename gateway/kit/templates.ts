/** The files with which a contributor begins: small, whole, and good as they are. */
import type { Style } from './scaffold.ts'

const titleOf = (name: string): string => name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => (dash === '' ? '' : ' ') + letter.toUpperCase())

/** Of whoever writes down what he has read; UTC. */
const today = (): string => new Date().toISOString().slice(0, 10)

const OPERATIONS = `  operations: [
    {
      id: 'item',
      method: 'GET',
      path: '/items/:id',
      description: 'One item',
      units: 1,
      // allowed, attribution, ask or forbidden: what the terms say of reselling this answer. Not found in them is ask.
      resale: 'ask',
      example: { params: { id: '42' } },
      sample: { id: '42', name: 'An item' },
    },
    {
      id: 'search',
      method: 'GET',
      path: '/search',
      description: 'Items by text',
      // Of what the call depends on; more than maxUnits is refused.
      units: ({ query }) => (query.deep === 'true' ? 5 : 1),
      maxUnits: 5,
      // What is not listed is refused, and so is what does not fit: 400, free, before anybody pays.
      query: { q: { type: 'string', minLength: 1, maxLength: 200 }, deep: { type: 'boolean' } },
      required: ['q'],
      resale: 'ask',
      example: { query: { q: 'item' } },
      answer: { type: 'object', required: ['items'] },
      sample: { items: [{ id: '42', name: 'An item' }] },
    },
  ],
`

export const newAdapter = (name: string, { contract }: Style): string => `/** ${titleOf(name)}: what it is, and where its documentation stands. */
import { defineAdapter } from '${contract}'

export default defineAdapter({
  name: '${name}',
  title: '${titleOf(name)}',
  category: 'Data',
  docs: 'https://docs.${name}.example',
  // With its path, without a slash at the end.
  baseUrl: 'https://api.${name}.example/v1',
  // Or { in: 'bearer' }, 'basic', 'query' (with a name), 'path', 'none'.
  credential: { in: 'header', name: 'X-API-Key' },
  // What the subscription counts, when it starts again, and where the provider says what is left.
  quota: { unit: 'credit', resets: 'billing-day', remaining: { header: 'x-credits-left' } },
  // The page on which the provider says what may be done with its answers, and when you read it.
  terms: { source: 'https://${name}.example/terms', checked: '${today()}' },
${OPERATIONS}  // Read from above; the first that fits says what an answer means, and whether the provider takes units for it.
  failures: [
    { status: 429, bodyHas: 'monthly', means: 'quota-exhausted', bills: false, sample: { error: 'monthly limit reached' } },
    { status: 429, means: 'rate-limited', bills: false },
    { status: 401, means: 'credential-refused', bills: false },
  ],
})
`

export const newPlugin = (name: string, { contract }: Style): string => `/** ${titleOf(name)}: what it is for, in a sentence. */
import { definePlugin, refuse } from '${contract}'

export default definePlugin({
  name: '${name}',
  describe: 'Turns calls away whose header X-Purpose is missing',
  // Facts that others of the chain give: needs: ['consumer', 'price'].
  settings: {
    header: { type: 'string', default: 'X-Purpose', describe: 'Name of the header that has to be there' },
  },
  create: ({ header }) => {
    const name = header.toLowerCase()
    return {
      // No waiting here: facts in; nothing, a refusal, or claims out. What throws refuses the call.
      admit: (call) => (call.header(name) === undefined ? refuse('bad_request', \`the header \${header} is missing\`) : undefined),
    }
  },
})
`

export const newPluginTest = (name: string, style: Style): string => {
  const head = style.ours
    ? `import t from 'tap'\nimport { Stage } from '../../gateway/kit/index.ts'\nimport plugin from '../../plugins/${name}.ts'`
    : `import assert from 'node:assert/strict'\nimport { test } from 'node:test'\nimport { Stage } from 'atlas-gateway/kit'\nimport plugin from './${name}.mjs'`
  const [test, equal] = style.ours ? ['t.test', 't.equal'] : ['test', 'assert.equal']
  return `/** ${titleOf(name)} on a stage: a real chain and a real store, no server. */
${head}

${test}('a call without the header is turned away before anything is taken, one with it goes through', async (${style.ours ? 't' : ''}) => {
  const stage = await Stage.open(plugin, { settings: { header: 'X-Purpose' } })
  try {
    const { refusal } = await stage.ask()
    ${equal}(refusal?.code, 'bad_request')
    const key = await stage.key('k', '$10')
    const good = await stage.call({ headers: { ...key, 'X-Purpose': 'research' } })
    ${equal}(good.status, 200)
    ${equal}(good.headers['x-atlas-price'], '$0.15')
    ${equal}(stage.sent.length, 1, 'the provider was asked once')
  } finally {
    await stage.close()
  }
})
`
}
