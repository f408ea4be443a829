/** The package as npm installs it, without anything that is only there for development: contributors' commands work, and so does their test. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { atlas, ROOT } from '../rig/atlas.ts'
import { temporaryFolder } from '../rig/folder.ts'

/** What package-lock.json installs for who only uses it. */
function used(): readonly string[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean }>
  }
  return Object.entries(packages).flatMap(([path, { dev, devOptional }]) =>
    /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && dev !== true && devOptional !== true ? [path] : [],
  )
}

function install(folder: string): string {
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: ROOT, encoding: 'utf8' }).trim().split('\n').at(-1) ?? ''
  const home = join(folder, 'node_modules/atlas-gateway')
  mkdirSync(home, { recursive: true })
  execFileSync('tar', ['-xzf', join(folder, packed), '-C', home, '--strip-components=1'])
  for (const path of used()) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    try {
      symlinkSync(join(ROOT, path), join(folder, path))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
  return home
}

t.test('adapter new and test, plugin new and test, and a plugin’s own test need no development dependency', async (t) => {
  const folder = temporaryFolder(t)
  const home = install(folder)
  t.ok(used().length > 20)
  t.notOk(used().includes('node_modules/typescript'))
  const command = join(home, 'gateway/atlas.mjs')
  const run = async (...args: string[]): Promise<string> => {
    const { status, stdout, stderr } = await atlas(args, { cwd: folder, command })
    t.equal(status, 0, `${args.join(' ')}: ${stderr}`)
    return stdout
  }
  t.match(await run('adapter', 'new', 'acme'), /wrote my-adapters\/acme\.mjs/)
  t.match(await run('adapter', 'test', 'my-adapters/acme.mjs'), /acme\.mjs is good: 2 operations and 3 failures driven through a gateway/)
  t.match(await run('adapter', 'test', join(home, 'adapters/nansen.ts')), /nansen\.ts is good: 25 operations/, 'and the ones that came with it')
  await run('plugin', 'new', 'purpose')
  t.match(await run('plugin', 'test', 'my-plugins/purpose.mjs'), /purpose\.mjs is good/)
  const tested = await atlas(['my-plugins/purpose.test.mjs'], { cwd: folder, command: '--test' })
  t.equal(tested.status, 0, tested.stdout)
  t.match(tested.stdout, /# pass 1/)
})
