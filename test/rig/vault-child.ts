/**
 * A process that works on a vault: `FOLDER add NAME COUNT` puts so many credentials into it; `FOLDER rekey STEP DATA_KEYS` changes the master
 * key and dies at that step; `FOLDER rekeys` changes it again and again and says each.
 */
import type { RekeyStep } from '../../gateway/vault/vault.ts'
import { vaultIn } from './vault.ts'

const [folder = '', what = '', first = '', second = ''] = process.argv.slice(2)

const say = (line: string): void => void process.stdout.write(`${line}\n`)

if (what === 'add') {
  const vault = vaultIn(folder)
  for (let index = 0; index < Number(second); index += 1) {
    await vault.add(`${first}-${index}`, Buffer.from(`secret of ${first}-${index}`))
    say(`${first}-${index}`)
  }
}
if (what === 'rekey') {
  const step = (name: RekeyStep): void => {
    if (name !== first) return
    process.kill(process.pid, 'SIGKILL')
    // The signal comes at once; nothing may run until then.
    for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  }
  const { ATLAS_MASTER_KEY: current } = process.env
  const newKey = current === undefined ? {} : { newKey: Buffer.alloc(32, 0xbb) }
  await vaultIn(folder, { step, env: { ATLAS_MASTER_KEY: current } }).rekey({ dataKeys: second === 'true', ...newKey })
}
if (what === 'rekeys') {
  const vault = vaultIn(folder)
  for (let round = 0; ; round += 1) say((await vault.rekey({ dataKeys: round % 2 === 1 })).to)
}
