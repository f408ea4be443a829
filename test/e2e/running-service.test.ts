/** deploy/atlas.service: its rules are those that systemd knows, nothing is loose that need not be, and what it starts exists. */

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../rig/atlas.ts'
import { temporaryFolder } from '../rig/folder.ts'

const MOST_EXPOSED = 2.0
const unit = readFileSync(join(ROOT, 'deploy/atlas.service'), 'utf8')

/** Section -> member -> its values, in order. */
function sectionsOf(text: string): ReadonlyMap<string, ReadonlyMap<string, readonly string[]>> {
  const sections = new Map<string, Map<string, string[]>>()
  let section = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? []
    const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? []
    if (name !== undefined) {
      section = new Map()
      sections.set(name, section)
    } else if (key !== '') section.set(key, [...(section.get(key) ?? []), value])
    else if (line !== '' && !line.startsWith('#')) throw new Error(`no line of a unit: ${line}`)
  }
  return sections
}

t.test('the unit holds the gateway as tight as V8 can bear', async (t) => {
  const service = sectionsOf(unit).get('Service')
  const said = (name: string): string => service?.get(name)?.join(' | ') ?? ''
  for (const name of ['DynamicUser', 'NoNewPrivileges', 'ProtectHome', 'PrivateTmp', 'PrivateDevices', 'RestrictSUIDSGID']) t.equal(said(name), 'yes', name)
  t.match(['ProtectSystem', 'StateDirectory', 'Restart', 'ExecReload', 'CapabilityBoundingSet', 'Type'].map(said), [
    'strict',
    'atlas',
    'on-failure',
    '/bin/kill -HUP $MAINPID',
    '',
    'exec',
  ])
  t.notOk(service?.has('MemoryDenyWriteExecute'), 'V8 makes machine code while it runs')
  const [, grace = '0'] = /GRACE_MS = ([\d_]+)/.exec(readFileSync(join(ROOT, 'gateway/doors/cli/start.ts'), 'utf8')) ?? []
  t.ok(Number(said('TimeoutStopSec')) * 1000 >= Number(grace.replaceAll('_', '')) + 10_000, 'calls under way end before it is killed')
  const [, script = '', command, flag] = said('ExecStart').split(' ')
  t.ok(existsSync(script.replace('/opt/atlas', ROOT)), script)
  t.same([command, flag], ['start', '--config'])
})

t.test('systemd itself finds no fault in it', async (t) => {
  const version = spawnSync('systemd-analyze', ['--version'], { encoding: 'utf8' })
  if (version.status !== 0) return void t.comment('systemd is not installed here: its members are held against the list above alone')
  const file = join(temporaryFolder(t), 'atlas.service')
  // Node stands where it stands on this machine.
  writeFileSync(file, unit.replace('/usr/bin/node', process.execPath))
  const verified = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
  t.equal(
    verified.stderr
      .split('\n')
      .filter((line) => line.includes('atlas.service'))
      .join('\n'),
    '',
  )
  const security = spawnSync('systemd-analyze', ['security', '--offline=true', '--no-pager', file], { encoding: 'utf8' })
  if (security.status !== 0 && security.stdout === '') return
  const exposed = Number(/exposure level for \S+: ([\d.]+)/.exec(security.stdout)?.[1])
  t.ok(exposed <= MOST_EXPOSED, `exposure ${exposed}`)
})
