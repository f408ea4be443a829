/** docs/OBSERVABILITY.md is true: the metrics it names are shown, dashboard and rules ask for nothing else, and its receiver takes what is genuine alone. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { load } from 'js-yaml'
import t, { type Test } from 'tap'
import { WebhookKey } from '#contract'
import { BALANCE, bearer, openGateway, sandbox, temporaryFolder, until, WALLET } from '../rig/gateway.ts'
import { type MetricFamily, readMetrics } from '../rig/metrics.ts'
import { customConnection, reply, startProvider, UPSTREAM } from '../rig/provider.ts'

const docs = (file: string): string => readFileSync(new URL(`../../../docs/${file}`, import.meta.url), 'utf8')
const guide = docs('OBSERVABILITY.md')

/** Metric -> its labels, from the table. */
function tabled(): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  for (const [, names = '', labels = ''] of guide.matchAll(/^\| (`(?:atlas|process|nodejs)_[^|]*) \|([^|]*)\|/gm))
    for (const [, name = ''] of names.matchAll(/`(\w+)`/g)) found.set(name, labels.trim() === '' ? [] : labels.trim().split(', '))
  return found
}

async function shown(t: Test): Promise<Map<string, MetricFamily>> {
  const rig = await openGateway(t, sandbox())
  const { key } = await rig.key({ credits: '$1' })
  t.equal((await rig.call('POST', BALANCE, { headers: bearer(key), body: WALLET })).status, 200)
  return readMetrics(await (await fetch(`${rig.adminUrl}/metrics`)).text())
}

/** Of the query language, what dashboard and rules use. */
const WORDS = ['sum', 'max', 'min', 'by', 'rate', 'increase', 'histogram_quantile', 'topk', 'absent', 'label_values']

/** Metrics and labels of an expression, and words that are none of the language. */
function asked(expression: string): { metrics: string[]; labels: string[]; strange: string[] } {
  const plain = expression.replace(/"[^"]*"/g, '""').replace(/\[[^\]]*\]/g, '')
  const labels = [...plain.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(',').map((name) => name.trim()))
  for (const [, matchers = ''] of plain.matchAll(/\{([^}]*)\}/g)) labels.push(...matchers.split(',').map((one) => one.trim().replace(/(=~|!~|!=|=).*$/, '')))
  for (const [, label = ''] of plain.matchAll(/label_values\(\w+, (\w+)\)/g)) labels.push(label)
  const rest = plain
    .replace(/(label_values\(\w+), \w+/g, '$1')
    .replace(/\bby \([^)]*\)/g, ' ')
    .replace(/\{[^}]*\}/g, ' ')
  const names = [...rest.matchAll(/[a-zA-Z_]\w*/g)].map(([name]) => name)
  const isMetric = (name: string): boolean => /^(atlas|process|nodejs)_/.test(name)
  return { metrics: names.filter(isMetric), labels, strange: names.filter((name) => !isMetric(name) && !WORDS.includes(name)) }
}

const SUFFIX = /_(bucket|sum|count)$/
/** What Prometheus adds by itself. */
const ADDED = ['instance', 'job']

/** What an expression asks for that is not there. */
function faults(expression: string, families: ReadonlyMap<string, MetricFamily>): string[] {
  const table = tabled()
  const { metrics, labels, strange } = asked(expression)
  const missing = metrics.filter((name) => !families.has(name) && families.get(name.replace(SUFFIX, ''))?.type !== 'histogram')
  const counters = [...expression.matchAll(/(?:rate|increase)\((\w+)/g)].map(([, name = '']) => name)
  const still = counters.filter((name) => families.get(name)?.type !== 'counter' && !SUFFIX.test(name))
  const known = new Set([
    ...ADDED,
    ...metrics.flatMap((name) => (SUFFIX.test(name) ? [...(table.get(name.replace(SUFFIX, '')) ?? []), 'le'] : (table.get(name) ?? []))),
  ])
  return [...missing, ...strange, ...still, ...labels.filter((label) => !known.has(label)), ...(metrics.length === 0 ? ['no metric'] : [])]
}

t.test('the table names what is shown, no more and no less, with its labels', async (t) => {
  const families = await shown(t)
  const table = tabled()
  t.strictSame([...table.keys()].sort(), [...families.keys()].sort())
  for (const { name, samples, help } of families.values()) {
    t.ok(help.length > 10, `${name} says what it is`)
    const labels = new Set(samples.flatMap((one) => Object.keys(one.labels)))
    labels.delete('le')
    if (samples.length > 0) t.strictSame([...labels].sort(), [...(table.get(name) ?? [])].sort(), name)
  }
})

t.test('each metric and label that the dashboard and the rules name is there', async (t) => {
  const families = await shown(t)
  const { panels, templating } = JSON.parse(docs('observability/dashboard.json'))
  const expressions: string[] = panels.flatMap(({ targets }: { targets: { expr: string }[] }) => targets.map(({ expr }) => expr))
  for (const { type, query } of templating.list) if (type === 'query') expressions.push(query)
  const { groups } = load(docs('observability/alerts.yml')) as { groups: { rules: { alert: string; expr: string; annotations: Record<string, string> }[] }[] }
  const rules = groups.flatMap(({ rules }) => rules)
  for (const { annotations, alert } of rules) t.ok(annotations.summary && annotations.todo, `${alert} says what is wrong and what to do`)
  t.ok(expressions.length > 20 && rules.length > 8)
  for (const expression of [...expressions, ...rules.map(({ expr }) => expr)]) t.strictSame(faults(expression, families), [], expression)
  t.strictSame(faults('sum(rate(atlas_call_total[5m]))', families), ['atlas_call_total', 'atlas_call_total'], 'and one that is not is found')
  t.strictSame(faults('sum by (wallet) (atlas_info{key="x"})', families), ['wallet', 'key'])
  t.strictSame(faults('rate(atlas_units_left[5m])', families), ['atlas_units_left'])
})

const receiverCode = (): string => {
  const code = /```js\n(import \{ createHmac[\s\S]*?)```/.exec(guide)?.[1]
  if (code === undefined) throw new Error('docs/OBSERVABILITY.md has no receiver')
  return code
}

/** The receiver of the guide, as a process of its own. */
async function receiving(t: Test, secret: string): Promise<{ readonly url: string; readonly lines: () => string[] }> {
  const file = join(temporaryFolder(t), 'receiver.mjs')
  writeFileSync(file, receiverCode())
  const child = spawn(process.execPath, [file], { env: { WEBHOOK_SECRET: secret, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  await until('it listens', () => text.includes('\n'))
  const port = /listening on (\d+)/.exec(text)?.[1]
  return { url: `http://127.0.0.1:${port}/hook`, lines: () => text.trim().split('\n').slice(1) }
}

const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`

t.test("owner and operator hear with their own secrets of a credential that is refused, through the guide's receiver", async (t) => {
  const [ops, alice] = [newSecret(), newSecret()]
  const [operator, owner, other] = [await receiving(t, ops), await receiving(t, alice), await receiving(t, newSecret())]
  const provider = await startProvider(t)
  provider.always(reply(401, {}))
  const env = { OPS_SECRET: ops, ALICE_SECRET: alice }
  const notify = { webhook: owner.url, secret: `\${ALICE_SECRET}` }
  const config = sandbox({
    upstream: UPSTREAM,
    webhooks: [
      { url: operator.url, secret: `\${OPS_SECRET}` },
      { url: other.url, secret: `\${OPS_SECRET}` },
    ],
    api_connections: [customConnection(provider.url, { owner: 'alice', notify })],
  })
  const rig = await openGateway(t, config, { env })
  const { key } = await rig.key({ credits: '$10' })
  for (let count = 0; count < 3; count += 1) t.equal((await rig.call('GET', '/acme/search', { headers: bearer(key) })).status, 502)
  const kinds = (lines: readonly string[]): string[] => lines.map((line) => line.split(':')[0] as string).sort()
  await until('both have heard', () => operator.lines().length === 2 && owner.lines().length === 2)
  for (const one of [operator, owner]) t.strictSame(kinds(one.lines()), ['connection-paused', 'credential-refused'])
  const counts = (): object | undefined => rig.gateway.ground.notices.counts?.()
  await until('the other has refused', () => JSON.stringify(counts()) === '{"delivered":4,"dropped":2,"waiting":0}')
  t.strictSame(other.lines(), [], 'who has another secret takes nothing')
})

t.test("the guide's receiver refuses what is forged, changed or old, and passes over what it has seen", async (t) => {
  const secret = newSecret()
  const key = WebhookKey.from(secret) as WebhookKey
  const { url, lines } = await receiving(t, secret)
  const body = JSON.stringify({ id: 'nt_1', kind: 'payout', detail: 'alice was paid' })
  const post = async (text: string, headers: Record<string, string>): Promise<number> => (await fetch(url, { method: 'POST', body: text, headers })).status
  const good = key.fields('nt_1', Date.now(), body)
  const forged = WebhookKey.from(newSecret()) as WebhookKey
  t.equal(await post(body, {}), 401)
  t.equal(await post(body, forged.fields('nt_1', Date.now(), body)), 401)
  t.equal(await post(body.replace('alice', 'mallo'), good), 401)
  t.equal(await post(body, { ...good, 'webhook-id': 'nt_2' }), 401)
  for (const shiftMs of [-400_000, 400_000]) t.equal(await post(body, key.fields('nt_1', Date.now() + shiftMs, body)), 401)
  t.equal(await post(body, { ...good, 'webhook-timestamp': 'x' }), 401)
  t.strictSame(lines(), [])
  for (let time = 0; time < 3; time += 1) t.equal(await post(body, good), 204)
  t.equal(await post(body, { ...good, 'webhook-signature': `v1,AAAA v2,x ${good['webhook-signature']}` }), 204, 'one of several signatures is enough')
  await until('told', () => lines().length > 0)
  t.strictSame(lines(), ['payout: alice was paid'])
})
