/** The runner calls a file good only when it is: whatever ends it early, says too little or fails counts as a failure. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from '../rig/atlas.ts'
import { temporaryFolder } from '../rig/folder.ts'
import { runFile } from '../run-file.ts'

const TAP = "import t from 'tap'\n"
const GOOD = `${TAP}t.test('one', async (t) => t.ok(true))\nt.test('two', async (t) => t.equal(1, 1))\n`

interface Expected {
  readonly passed?: number
  readonly failed: number
  readonly skipped?: number
  readonly complaints?: RegExp
}

const cases: readonly [what: string, text: string, expected: Expected][] = [
  ['a good file', GOOD, { passed: 2, failed: 0, skipped: 0, complaints: /^$/ }],
  ['a failed assertion', `${GOOD}t.test('three', async (t) => t.equal(1, 2, 'one is two'))`, { passed: 2, failed: 1, complaints: /not ok 1 - one is two/ }],
  ['a skipped test', `${GOOD}t.test('three', { skip: 'later' }, () => undefined)`, { passed: 2, failed: 0, skipped: 1 }],
  ['an error while it is loaded', `${TAP}import './nowhere.mjs'`, { failed: 1, complaints: /nowhere\.mjs/ }],
  ['a process that ends in the middle', `${GOOD}t.test('three', () => process.exit(0))`, { failed: 1 }],
  ['a process that is killed', `${GOOD}t.test('three', () => new Promise(() => process.kill(process.pid, 'SIGKILL')))`, { failed: 1, complaints: /SIGKILL/ }],
  ['fewer tests than planned', `${TAP}t.plan(2)\nt.test('one', async (t) => t.ok(true))`, { failed: 1 }],
  ['a good report and a bad exit', `${GOOD}process.on('exit', () => { process.exitCode = 3 })`, { failed: 1, complaints: /it ended with 3/ }],
  [
    'a rejection that nobody hears',
    `${GOOD}t.test('three', async (t) => { Promise.reject(new Error('lost')); t.ok(true) })`,
    { failed: 1, complaints: /lost/ },
  ],
  ['no test at all', TAP, { failed: 1, complaints: /it holds no test/ }],
  ['no report at all', '', { failed: 1, complaints: /it ended before its plan/ }],
]

t.test('a file is good when it ended well and all of its tests did', async (t) => {
  const folder = temporaryFolder(t)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(join(ROOT, 'node_modules/tap'), join(folder, 'node_modules/tap'))
  for (const [index, [what, text, { complaints = /^/, ...expected }]] of cases.entries()) {
    const file = join(folder, `${index}.mjs`)
    writeFileSync(file, text)
    const result = await runFile(file, what)
    t.match(result, expected, what)
    t.match(result.complaints.join('\n'), complaints, what)
  }
})
