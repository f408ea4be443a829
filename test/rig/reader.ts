/** Somebody who follows a page: a folder of his own, a shell in which `atlas` and `npx atlas` are ours, and a sandbox that serves where the page says. */
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { COMMAND, ROOT, type Started, startAtlas } from './atlas.ts'
import { type Teardown, temporaryFolder } from './folder.ts'
import { freePort } from './port.ts'

interface Said {
  readonly status: number | null
  readonly said: string
}

export interface Reader {
  readonly folder: string
  /** A script for /bin/sh that ends with the first command that fails. Ports as a page has them. */
  run(script: string, env?: Readonly<Record<string, string>>): Promise<Said>
  /** As it stands on this machine. */
  here(text: string): string
  /** As a page has it. */
  paged(text: string): string
  write(path: string, text: string): void
}

const PORTS = ['8080', '8081'] as const

/** `folder`: a checkout, where the page begins with one. */
export async function reader(t: Teardown, folder = temporaryFolder(t)): Promise<Reader> {
  const ports = await Promise.all(PORTS.map(() => freePort()))
  const bin = temporaryFolder(t)
  for (const [name, script] of [
    ['atlas', `exec '${process.execPath}' '${COMMAND}' "$@"`],
    ['npx', `[ "$1" = atlas ] || { echo "npx $1: nobody installs anything here" >&2; exit 127; }; shift; exec '${process.execPath}' '${COMMAND}' "$@"`],
  ] as const) {
    // What the test runner loads into each process of Node takes longer than the command.
    writeFileSync(join(bin, name), `#!/bin/sh\nunset NODE_OPTIONS\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const { PATH = '', HOME = '' } = process.env
  const known = { PATH: `${bin}:${PATH}`, HOME, PORT: `${ports[0]}`, ADMIN_PORT: `${ports[1]}` }
  const each = (text: string, change: (page: string, here: string) => readonly [string, string]): string =>
    PORTS.reduce((changed, page, at) => changed.replaceAll(...change(page, `${ports[at]}`)), text)
  const here = (text: string): string => each(text, (page, real) => [`:${page}`, `:${real}`])
  return {
    folder,
    here,
    paged: (text) => each(text, (page, real) => [`:${real}`, `:${page}`]).replaceAll(folder, '/atlas'),
    run: (script, env = {}) => ended(spawn('/bin/sh', ['-ec', here(script)], { cwd: folder, env: { ...known, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })),
    write: (path, text) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    },
  }
}

function ended(child: ChildProcess): Promise<Said> {
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk) => {
      said += String(chunk)
    })
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, said })))
}

/** The sandbox of the repository, in the reader's folder and on his ports; with the play key that it prints. */
export async function serve(t: Teardown, { folder, here }: Reader): Promise<{ gateway: Started; key: string }> {
  copyFileSync(join(ROOT, 'gateway.config.yml'), join(folder, 'gateway.config.yml'))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const env = { PORT: here(':8080').slice(1), ADMIN_PORT: here(':8081').slice(1) }
  const gateway = await startAtlas(t, join(folder, 'gateway.config.yml'), { env })
  for (;;) {
    const key = /play key .*: (atlas_\S+)/.exec(gateway.stdout())?.[1]
    if (key !== undefined && gateway.stdout().includes('an unpaid call')) return { gateway, key }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
