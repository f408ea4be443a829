/** The two guides as a reader follows them: their files are written, their commands run, in their order, and what they promise is said. */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { COMMAND, ROOT } from '../rig/atlas.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { until } from '../rig/gateway.ts'

/** A file in backquotes and its text, commands, or what the last commands say. */
type Step = { readonly kind: 'file'; readonly path: string; readonly text: string } | { readonly kind: 'sh' | 'text'; readonly lines: readonly string[] }

function stepsOf(guide: string): readonly Step[] {
  const text = readFileSync(join(ROOT, 'docs', guide), 'utf8')
  return [...text.matchAll(/(?:^`([^`\n]+)`:\n\n)?^```(\w+)\n([\s\S]*?)^```$/gm)].flatMap(([, path, language, content = '']): readonly Step[] => {
    if (path !== undefined) return [{ kind: 'file', path, text: content }]
    return language === 'sh' || language === 'text' ? [{ kind: language, lines: content.trim().split('\n') }] : []
  })
}

interface Reader {
  readonly folder: string
  /** What the last block of commands said. */
  said: string
  publicUrl: string
  key: string
}

type Teardown = Parameters<typeof temporaryFolder>[0]

function run(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<{ status: number | null; said: string }> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, args, { cwd: folder, env: { PATH, HOME, ...env } })
  let said = ''
  const hear = (chunk: Buffer): void => {
    said += String(chunk)
  }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', hear)
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, said })))
}

/** As `npm install` leaves it. */
function install(folder: string): void {
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/atlas-gateway'))
}

async function start(t: Teardown, reader: Reader): Promise<void> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(process.execPath, [COMMAND, 'start'], { cwd: reader.folder, env: { PATH, HOME, PORT: '0', ADMIN_PORT: '0' } })
  let said = ''
  const hear = (chunk: Buffer): void => {
    said += String(chunk)
  }
  for (const stream of [child.stdout, child.stderr]) stream.on('data', hear)
  t.teardown(() => {
    child.kill('SIGKILL')
    return new Promise((resolve) => child.once('close', resolve))
  })
  await until(`the gateway serves: ${said}`, () => /play key .*: atlas_\S+/.test(said), 20_000)
  reader.publicUrl = /consumers on (\S+)/.exec(said)?.[1] ?? ''
  reader.key = /play key .*: (atlas_\S+)/.exec(said)?.[1] ?? ''
}

/** As curl -i shows it. */
async function curl({ publicUrl, key }: Reader, line: string): Promise<string> {
  const path = /http:\/\/127\.0\.0\.1:8080(\S*)/.exec(line)?.[1] ?? ''
  const headers = Object.fromEntries([...line.matchAll(/-H ["']([^:]+): ([^"']+)["']/g)].map(([, name = '', value = '']) => [name, value.replace('$KEY', key)]))
  const body = /-d '([^']+)'/.exec(line)?.[1]
  const response = await fetch(publicUrl + path, { method: /-X (\w+)/.exec(line)?.[1] ?? 'GET', headers, ...(body === undefined ? {} : { body }) })
  const head = [...response.headers].map(([name, value]) => `${name}: ${value}`)
  return [`HTTP/1.1 ${response.status} ${response.statusText}`, ...head, '', await response.text()].join('\n')
}

async function command(t: Teardown, reader: Reader, line: string): Promise<string> {
  const [program = '', ...args] = line.split(' ')
  if (line === 'npm install atlas-gateway') return install(reader.folder) ?? ''
  if (line === 'npx atlas start') return (await start(t, reader)) ?? ''
  if (program === 'curl') return curl(reader, line)
  const ran = await run(reader.folder, program === 'node' ? args : [COMMAND, ...args.slice(1)])
  if (ran.status !== 0) throw new Error(`${line} ended with ${ran.status}: ${ran.said}`)
  return ran.said
}

for (const guide of ['adapter-in-ten-minutes.md', 'plugin-in-ten-minutes.md']) {
  t.test(`docs/${guide} works as it is written`, async (t) => {
    const reader: Reader = { folder: temporaryFolder(t), said: '', publicUrl: '', key: '' }
    cpSync(join(ROOT, 'test/kit/openapi/weather.yaml'), join(reader.folder, 'weather.yaml'))
    let promised = 0
    for (const step of stepsOf(guide)) {
      if (step.kind === 'file') {
        const file = join(reader.folder, step.path)
        mkdirSync(dirname(file), { recursive: true })
        writeFileSync(file, step.text)
      } else if (step.kind === 'sh') {
        reader.said = ''
        for (const line of step.lines) reader.said += `${await command(t, reader, line)}\n`
      } else {
        promised += 1
        for (const line of step.lines) t.ok(reader.said.includes(line), `"${line}" is in what was said: ${reader.said}`)
      }
    }
    t.ok(promised >= 5, 'and there was something to see')
  })
}
