/** `npm run dev`: the gateway, built and started again whenever a source changes. Its configuration it watches itself. */
import { spawn } from 'node:child_process'
import { watch } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from './build.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const SOURCES = ['gateway', 'plugins', 'adapters', 'config']
/** Editors write a file in several steps. */
const SETTLED_MS = 100

const say = (text) => process.stdout.write(`dev: ${text}\n`)

let child
let ended = Promise.resolve()

function start() {
  const mine = spawn(process.execPath, [join(root, 'gateway/atlas.mjs'), 'start', ...process.argv.slice(2)], { stdio: 'inherit' })
  child = mine
  ended = new Promise((done) => mine.once('exit', done))
  void ended.then(() => child === mine && say('the gateway has ended; the next change starts it again'))
}

async function stop() {
  const last = child
  child = undefined
  last?.kill('SIGTERM')
  await ended
}

async function rebuild() {
  const began = performance.now()
  const count = await build({ only: 'product' })
  if (count === 0) return
  await stop()
  say(`${count === 1 ? '1 file' : `${count} files`} built in ${Math.round(performance.now() - began)} ms; starting again`)
  start()
}

let timer
let work = build({ only: 'product' }).then(start)
function changed() {
  clearTimeout(timer)
  timer = setTimeout(() => {
    work = work.then(rebuild).catch((error) => say(`not built, what runs goes on: ${error.message}`))
  }, SETTLED_MS)
}

for (const folder of SOURCES) watch(join(root, folder), { recursive: true }, changed)
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => void stop().then(() => process.exit(0)))
