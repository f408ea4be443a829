/** Whether the blocks of a page hold: commands run beside a sandbox, files load, programs compile and run, and what commands are said to answer, they answer. */
import { join } from 'node:path'
import type { Test } from 'tap'
import { generatePrivateKey } from 'viem/accounts'
import { atlas } from './atlas.ts'
import { type Block, blocksOf, unfenced } from './docs.ts'
import { temporaryFolder } from './folder.ts'
import { type Reader, reader, serve } from './reader.ts'
import { projectFolder, runTypeScript, typeFaults } from './snippet.ts'

/** Blocks in other languages that another test takes from their page. */
export const TAKEN: Readonly<Record<string, string>> = { 'docs/OBSERVABILITY.md js': 'test/e2e/observability.test.ts' }

const REASON = /^not run: \S.{19,}$/

interface Following {
  readonly page: string
  readonly reader: Reader
  readonly env: Readonly<Record<string, string>>
  /** By the last commands. */
  said: string
}

/** One sentence where the block does not hold. */
type Check = (t: Test, block: Block, following: Following) => Promise<string | undefined>

const CHECKS: Readonly<Record<string, Check>> = {
  sh: async (_, { text }, following) => {
    const { status, said } = await following.reader.run(text, following.env)
    following.said = said
    return status === 0 ? undefined : `ended with ${status}: ${said}`
  },
  text: async (_, { text }, { said }) => {
    const lost = text.split('\n').filter((line) => !said.includes(line))
    return lost.length === 0 ? undefined : `nothing said: ${lost.join(' / ')}; it said: ${said}`
  },
  yaml: (t, { text }) => yamlFault(t, text),
  json: async (_, { text }) => {
    try {
      JSON.parse(text)
      return undefined
    } catch (error) {
      return String(error)
    }
  },
  ts: async (t, { text }, { reader: { here }, env }) => {
    const folder = projectFolder(t)
    const faults = typeFaults(folder, { 'snippet.ts': text })
    if (faults.length > 0) return faults.join('\n')
    const { status, stdout, stderr } = await runTypeScript(folder, here(text), env)
    return status === 0 && /^2\d\d /.test(stdout) ? undefined : `ended with ${status}: ${stdout}${stderr}`
  },
}

const NOTHING_ELSE = { api_connections: '\napi_connections: [{ name: nansen, monthly_quota: 10000, reserved: 3000 }]\n' }

/** By `atlas check`, with what of a whole file a page leaves out. Names in the environment and in the vault are there. */
async function yamlFault(t: Test, text: string): Promise<string | undefined> {
  const at = await reader(t, temporaryFolder(t))
  const whole = /^api_connections:/m.test(text) ? text : text + NOTHING_ELSE.api_connections
  at.write('gateway.config.yml', `store: { path: ./data }\n`.repeat(/^store:/m.test(text) ? 0 : 1) + whole)
  const env = Object.fromEntries([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3']))
  for (const [, name = ''] of text.matchAll(/vault:([\w-]+)/g)) {
    const vault = join(at.folder, 'vault.yml')
    at.write('vault.yml', `store: { path: ./data }${NOTHING_ELSE.api_connections}`)
    const { status, stderr } = await atlas(['connection', 'add', name, '--config', vault], { input: 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3' })
    if (status !== 0) return stderr
  }
  const { status, stderr } = await atlas(['check', '--config', join(at.folder, 'gateway.config.yml')], { env })
  return status === 0 ? undefined : stderr
}

/** What is wrong with one block; undefined: it holds. */
async function faultOf(t: Test, block: Block, following: Following): Promise<string | undefined> {
  if (block.note !== '') return REASON.test(block.note) ? undefined : `"${block.note}" is no reason; expected "not run: " and why`
  if (Object.hasOwn(TAKEN, `${following.page} ${block.language}`)) return undefined
  const check = CHECKS[block.language]
  return check === undefined
    ? `nobody can say whether ${block.language || 'a block without a language'} holds; mark it "not run: " and why`
    : check(t, block, following)
}

/** One sentence with page and line for each block that does not hold. */
export async function faultsOf(t: Test, page: string, text: string): Promise<string[]> {
  const at = await reader(t)
  const blocks = blocksOf(text)
  const runs = blocks.some(({ language, note }) => note === '' && (language === 'sh' || language === 'ts'))
  const key = runs ? (await serve(t, at)).key : ''
  const following: Following = { page, reader: at, env: { ATLAS_KEY: key, KEY: key, PRIVATE_KEY: generatePrivateKey() }, said: '' }
  const faults = unfenced(text).map((line) => `${page}:${line}: code without a fence; write \`\`\` and its language`)
  for (const block of blocks) {
    const fault = await faultOf(t, block, following)
    if (fault !== undefined) faults.push(`${page}:${block.line}: ${fault}`)
  }
  return faults
}
