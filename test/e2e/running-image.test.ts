/** The Dockerfile, followed word by word: what it builds starts as a user without rights on code that nobody can write to, says that it is well, and ends when asked. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { ROOT } from '../rig/atlas.ts'
import { Builder, type Image, reachesBuilder } from '../rig/dockerfile.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { until } from '../rig/gateway.ts'
import { freePort } from '../rig/port.ts'

const MOST_BYTES = 90e6
const AT_ONCE_MS = 10_000

const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')

interface Locked {
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly optional?: boolean
}

/**
 * npm itself says, with the arguments of the file, that it would install what the lock file names; the packages are then
 * copied from this checkout, which has them by the same lock file. Nothing is asked of the network.
 */
function install(folder: string, args: readonly string[]): void {
  if (!args.includes('--ignore-scripts')) throw new Error(`npm ${args.join(' ')} would run scripts of strangers`)
  const npm = spawnSync('npm', [...args, '--dry-run', '--offline'], { cwd: folder, encoding: 'utf8' })
  if (npm.status !== 0) throw new Error(`npm ${args.join(' ')}: ${npm.stderr}`)
  if (!args.includes('--omit=dev')) return symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> }
  for (const [path, { dev, devOptional, optional }] of Object.entries(packages)) {
    const from = join(ROOT, path)
    if (path === '' || dev === true || devOptional === true || (optional === true && !existsSync(from))) continue
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    cpSync(from, join(folder, path), { recursive: true, filter: (one) => !one.slice(from.length).includes('node_modules') })
  }
}

const sizeOf = (path: string): number => {
  const found = lstatSync(path)
  return found.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0) : found.size
}

const filesBelow = (path: string): string[] =>
  readdirSync(path, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [join(path, entry.name), ...filesBelow(join(path, entry.name))] : [join(path, entry.name)],
  )

const isRoot = process.getuid?.() === 0

/** As the engine would: as the user of the image, with its environment and nothing else. `env -i` becomes the program, so that signals reach it. */
function launch({ folder, workdir, user, env }: Image, list: readonly string[], port: number): ChildProcess {
  const [program = '', ...args] = list
  if (program !== 'node') throw new Error(`${program}: the base image has node`)
  const placed = (word: string): string => (word.startsWith('/') ? join(folder, word) : word)
  const set = Object.entries({ ...env, PORT: `${port}`, ADMIN_PORT: '0' }).map(([name, value]) => `${name}=${placed(value)}`)
  const [uid, gid] = user.split(':').map(Number)
  const rights = isRoot ? { uid: uid as number, gid: gid as number } : {}
  return spawn('env', ['-i', ...set, process.execPath, ...args.map(placed)], { cwd: join(folder, workdir), ...rights })
}

const health = (image: Image, port: number): Promise<number | null> => new Promise((resolve) => launch(image, image.health, port).once('close', resolve))

t.test('what the Dockerfile builds', async (t) => {
  const above = temporaryFolder(t)
  chmodSync(above, 0o755)
  const image = new Builder(above, install).build(text)
  const app = join(image.folder, image.workdir)

  t.test('has production dependencies alone, and is under 90 MB without its base', async (t) => {
    const size = sizeOf(app)
    t.ok(size < MOST_BYTES, `${(size / 1e6).toFixed(1)} MB`)
    t.comment(`${(size / 1e6).toFixed(1)} MB`)
    t.notOk(readdirSync(join(app, 'node_modules')).includes('typescript'))
    t.same(readdirSync(join(app, 'dist')).sort(), ['.sources.json', 'adapters', 'bundle', 'config', 'gateway', 'plugins', 'rules'])
    t.notOk(filesBelow(image.folder).some((file) => file.endsWith('.env')))
  })

  t.test('is meant for nobody in particular: no root, no tag that moves, no port of the operator', async (t) => {
    t.match(image.user, /^[1-9]\d*:[1-9]\d*$/)
    for (const base of image.bases) t.match(base, /^node:2\d-\w+-slim$/)
    t.same([image.exposed, image.volumes, image.stopSignal], [['8080'], ['/var/lib/atlas'], 'SIGTERM'])
  })

  t.test('runs without rights on code that nobody writes to, says how it is, and ends with 0 on SIGTERM', async (t) => {
    const files = filesBelow(app)
    if (!isRoot) for (const file of files) if (!lstatSync(file).isSymbolicLink()) chmodSync(file, lstatSync(file).mode & 0o555)
    const before = files.map((file) => `${file} ${lstatSync(file).mtimeMs}`)
    const port = await freePort()
    t.equal(await health(image, port), 1, 'nothing serves yet')
    const child = launch(image, [...image.entrypoint, ...image.command], port)
    t.teardown(() => void child.kill('SIGKILL'))
    let said = ''
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    await new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr])
        stream?.on('data', (chunk) => {
          said += String(chunk)
          if (/play key.*\n[\s\S]*an unpaid call/.test(said)) resolve()
        })
      void ended.then(() => resolve())
    })
    t.match(said, /atlas \(sandbox\) serves consumers/)
    t.equal(await health(image, port), 0)
    const key = /play key .*: (\S+)/.exec(said)?.[1] ?? ''
    const call = { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } }
    const body = JSON.stringify({ address: '0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045', chain: 'ethereum' })
    let taken: unknown[] = []
    // A machine that starves refuses, and charges nothing.
    await until(
      'the call is taken',
      async () => {
        const { status, headers } = await fetch(`http://127.0.0.1:${port}/nansen/profiler/address/current-balance`, { ...call, body })
        taken = [status, headers.get('x-atlas-price')]
        return status !== 503
      },
      30_000,
    )
    t.same(taken, [200, '$0.15'])
    const since = performance.now()
    child.kill(image.stopSignal as NodeJS.Signals)
    t.equal(await ended, 0, 'its exit status')
    t.ok(performance.now() - since < AT_ONCE_MS, 'nothing was under way: the grace is not waited for')
    t.strictSame(
      filesBelow(app).map((file) => `${file} ${lstatSync(file).mtimeMs}`),
      before,
      'not a byte beside its data',
    )
    t.ok(readdirSync(join(image.folder, 'var/lib/atlas')).length > 0, 'which is where it was told')
  })
})

t.test('a builder gets no data, no secrets and no node_modules', async (t) => {
  const reaches = reachesBuilder(readFileSync(join(ROOT, '.dockerignore'), 'utf8'))
  for (const path of ['data/journal', '.env', 'deploy/atlas.env', 'node_modules/x', '.git/config', 'test/rig/atlas.ts']) t.notOk(reaches(path), path)
  for (const path of ['package.json', 'gateway/build.mjs', 'deploy/healthcheck.mjs']) t.ok(reaches(path), path)
})
