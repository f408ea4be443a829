/** docs/FIRST-FIVE-MINUTES.md is what a terminal shows: each command is run in a fresh checkout, and what it says stands on the page. `--write` writes it anew. */

import { spawn, spawnSync } from 'node:child_process'
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../rig/atlas.ts'
import { blocksOf, type Exchange, exchangesIn, settled, written } from '../rig/docs.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { until } from '../rig/gateway.ts'
import { type Reader, reader } from '../rig/reader.ts'

const PAGE = join(ROOT, 'docs/FIRST-FIVE-MINUTES.md')
const CHECKOUT = ['adapters', 'config', 'gateway', 'plugins', 'package.json', 'package-lock.json', 'gateway.config.yml', 'tsconfig.json']
/** What a first start makes of these, which takes a busy machine half a minute. */
const MADE = ['.sources.json', 'adapters', 'bundle', 'config', 'gateway', 'plugins', 'rules'].map((name) => `dist/${name}`)
const WITHIN_MS = 60_000

interface Terminal extends Reader {
  play: string
  printed: string
}

/** What is another each time has gone; a long line says no more than a short one. */
const shown = ({ paged }: Reader, said: string): string =>
  settled(paged(said))
    .split('\n')
    .filter((line) => !/^(npm (warn|notice)|> |warning: |\s*% Total|\s*Dload)/.test(line) && !/^ *\d+ +\d+ /.test(line))
    .map((line) => (line.length > 220 ? `${line.slice(0, 200)}…` : line.trimEnd()))
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()

/** The packages are here by the same lock file; npm says whether it fits. */
function install({ folder }: Reader): string {
  const { status, stderr } = spawnSync('npm', ['ci', '--dry-run', '--offline'], { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return 'added … packages'
}

async function start(t: { teardown(work: () => unknown): unknown }, terminal: Terminal): Promise<string> {
  const { PATH = '', HOME = '' } = process.env
  const [port, adminPort] = [':8080', ':8081'].map((one) => terminal.here(one).slice(1)) as [string, string]
  // In a group of its own: npm does not always end what it has started.
  const child = spawn('npm', ['start'], { cwd: terminal.folder, env: { PATH, HOME, PORT: port, ADMIN_PORT: adminPort }, detached: true })
  t.teardown(() => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    return new Promise((resolve) => child.once('close', resolve))
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      said += String(chunk)
    })
  await until('the gateway serves', () => /an unpaid call.*\n.*\n/.test(said), WITHIN_MS)
  terminal.play = /play key .*: (atlas_\S+)/.exec(said)?.[1] ?? ''
  terminal.printed = said
  return said
}

async function follow(t: { teardown(work: () => unknown): unknown }, terminal: Terminal, command: string): Promise<string> {
  if (command === 'npm ci') return install(terminal)
  if (command === 'npm start') return start(t, terminal)
  const { status, said } = await terminal.run(command.replace('curl -i', 'curl -sS -i').replaceAll('atlas_…', terminal.play))
  if (status !== 0) throw new Error(`${command} ended with ${status}: ${said}`)
  return said
}

/** The page with what its commands say now. */
async function followed(t: { teardown(work: () => unknown): unknown }, page: string, terminal: Terminal): Promise<string> {
  let now = page
  for (const { language, text, path } of blocksOf(page)) {
    if (path !== undefined) terminal.write(path, terminal.here(text))
    if (language !== 'console') continue
    const exchanges: Exchange[] = []
    for (const { command } of exchangesIn(text)) exchanges.push({ command, said: shown(terminal, await follow(t, terminal, command)) })
    now = now.replace(`\`\`\`console\n${text}\`\`\``, () => `\`\`\`console\n${written(exchanges)}\`\`\``)
  }
  return now
}

t.setTimeout(WITHIN_MS * 2)

t.test('from a checkout to the first sold call: every command works, and says what the page says', async (t) => {
  const folder = temporaryFolder(t)
  for (const path of [...CHECKOUT, ...MADE]) cpSync(join(ROOT, path), join(folder, path), { recursive: true })
  const terminal: Terminal = { ...(await reader(t, folder)), play: '', printed: '' }
  const page = readFileSync(PAGE, 'utf8')
  const now = await followed(t, page, terminal)
  if (process.argv.includes('--write')) writeFileSync(PAGE, now)
  else t.equal(now, page, 'npm run generate')
  for (const command of blocksOf(page).flatMap(({ language, text }) => (language === 'console' ? exchangesIn(text) : [])))
    if (command.command.startsWith('curl')) t.ok(settled(terminal.paged(terminal.printed)).includes(command.command), 'the gateway printed it')
  t.match(now, /HTTP\/1\.1 402[\s\S]*HTTP\/1\.1 200[\s\S]*\n200 \$0\.15/, 'unpaid, paid by a key, paid by a wallet')
})
