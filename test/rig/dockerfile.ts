/**
 * Follows a Dockerfile where no engine runs: each stage is a folder, COPY copies into it, RUN runs in it, and what the image
 * starts is started there. What it does not know is an error, so that nothing in the file is passed over.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { ROOT } from './atlas.ts'

interface Instruction {
  readonly name: string
  readonly rest: string
}

/** What the last stage leaves. Paths are those within the image. */
export interface Image {
  /** Stands for `/`. */
  readonly folder: string
  readonly workdir: string
  readonly env: Readonly<Record<string, string>>
  readonly user: string
  readonly volumes: readonly string[]
  readonly exposed: readonly string[]
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly health: readonly string[]
  readonly stopSignal: string
  /** Of each stage. */
  readonly bases: readonly string[]
}

interface Stage {
  readonly folder: string
  workdir: string
  readonly env: Record<string, string>
  user: string
  readonly volumes: string[]
  readonly exposed: string[]
  entrypoint: string[]
  command: string[]
  health: string[]
  stopSignal: string
}

function instructionsOf(text: string): readonly Instruction[] {
  const lines = text
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
  return lines.map((line) => {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (name === '') throw new Error(`no instruction: ${line}`)
    return { name, rest }
  })
}

/** What .dockerignore lets through, by its rules: the last line that fits decides. */
export function reachesBuilder(ignore: string): (path: string) => boolean {
  const rules = ignore
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const pattern = line.replace(/^!/, '').replaceAll('.', '\\.').replaceAll('*', '[^/]*')
      return { keeps: line.startsWith('!'), fits: new RegExp(`^${pattern}(/|$)`) }
    })
  return (path) => rules.reduce((kept, { keeps, fits }) => (fits.test(path) ? keeps : kept), true)
}

/** `install` stands for `npm ci`: what it is to leave in the folder. */
export class Builder {
  readonly #above: string
  readonly #install: (folder: string, args: readonly string[]) => void
  readonly #stages = new Map<string, Stage>()
  readonly #args: Record<string, string> = {}
  readonly #bases: string[] = []
  readonly #reaches = reachesBuilder(readFileSync(join(ROOT, '.dockerignore'), 'utf8'))
  #stage: Stage | undefined

  constructor(above: string, install: (folder: string, args: readonly string[]) => void) {
    this.#above = above
    this.#install = install
  }

  build(text: string): Image {
    for (const { name, rest } of instructionsOf(text)) {
      const step = this.#steps[name]
      if (step === undefined) throw new Error(`${name} ${rest}: this instruction is not known here`)
      step(rest)
    }
    return { ...this.#now, bases: this.#bases }
  }

  get #now(): Stage {
    if (this.#stage === undefined) throw new Error('there is no FROM yet')
    return this.#stage
  }

  readonly #steps: Readonly<Record<string, (rest: string) => void>> = {
    ARG: (rest) => {
      const [name = '', value = ''] = rest.split('=')
      this.#args[name] = value
    },
    FROM: (rest) => this.#from(rest),
    WORKDIR: (rest) => {
      this.#now.workdir = rest
      mkdirSync(this.#at(rest), { recursive: true })
    },
    ENV: (rest) => {
      for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=(\S+)/g)) this.#now.env[name] = value
    },
    COPY: (rest) => this.#copy(rest.split(/\s+/)),
    RUN: (rest) => this.#run(rest.split(/\s+/)),
    USER: (rest) => {
      this.#now.user = rest
    },
    VOLUME: (rest) => void this.#now.volumes.push(rest),
    EXPOSE: (rest) => void this.#now.exposed.push(rest),
    STOPSIGNAL: (rest) => {
      this.#now.stopSignal = rest
    },
    HEALTHCHECK: (rest) => {
      this.#now.health = listIn(rest.replace(/^(--\S+\s+)*CMD\s+/, ''))
    },
    ENTRYPOINT: (rest) => {
      this.#now.entrypoint = listIn(rest)
    },
    CMD: (rest) => {
      this.#now.command = listIn(rest)
    },
  }

  #from(rest: string): void {
    const [, base = '', name = `${this.#stages.size}`] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? []
    const folder = join(this.#above, `stage-${this.#stages.size}`)
    // What of a base image is relied on: that these are there.
    for (const path of ['tmp', 'etc', 'usr/local/bin', 'var/lib']) mkdirSync(join(folder, path), { recursive: true })
    const empty = { workdir: '/', env: {}, user: 'root', volumes: [], exposed: [], entrypoint: [], command: [], health: [], stopSignal: 'SIGTERM' }
    this.#stage = { folder, ...empty }
    this.#stages.set(name, this.#stage)
    this.#bases.push(base.replace(/\$\{(\w+)\}/g, (_all, arg: string) => this.#args[arg] ?? ''))
  }

  /** A path of the image as it is on this machine. */
  #at(path: string, stage = this.#now): string {
    return join(stage.folder, posix.resolve(stage.workdir, path))
  }

  #copy(words: readonly string[]): void {
    const [, from] = /^--from=(\S+)$/.exec(words[0] ?? '') ?? []
    const [to = '', ...sources] = words.slice(from === undefined ? 0 : 1).reverse()
    const stage = from === undefined ? undefined : this.#stages.get(from)
    if (from !== undefined && stage === undefined) throw new Error(`COPY --from=${from}: there is no such stage`)
    for (const source of sources.reverse()) {
      const path = stage === undefined ? join(ROOT, source) : this.#at(source, stage)
      if (stage === undefined && !this.#reaches(source)) throw new Error(`COPY ${source}: .dockerignore keeps it from the builder`)
      if (!existsSync(path)) throw new Error(`COPY ${source}: there is no such file`)
      const target = to.endsWith('/') ? join(this.#at(to), posix.basename(source)) : this.#at(to)
      mkdirSync(dirname(target), { recursive: true })
      cpSync(path, target, { recursive: true, filter: (one) => stage !== undefined || this.#reaches(relative(ROOT, one)) })
    }
  }

  #run(words: readonly string[]): void {
    const [program = '', ...args] = words
    const folder = this.#at('.')
    if (program === 'npm' && args[0] === 'ci') return this.#install(folder, args)
    if (program === 'node') {
      const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
      if (status !== 0) throw new Error(`RUN ${words.join(' ')} ended with ${status}: ${stderr}`)
    } else if (program === 'install' && args[0] === '-d') this.#folder(args.slice(1))
    else if (program === 'ln' && args[0] === '-s') symlinkSync(this.#at(args[1] as string), this.#at(args[2] as string))
    else throw new Error(`RUN ${words.join(' ')}: nobody knows here what it would do`)
  }

  #folder(args: readonly string[]): void {
    const value = (flag: string): number => Number.parseInt(args[args.indexOf(flag) + 1] ?? '', flag === '-m' ? 8 : 10)
    const path = this.#at(args.at(-1) as string)
    mkdirSync(path, { recursive: true })
    chmodSync(path, value('-m'))
    if (process.getuid?.() === 0) chownSync(path, value('-o'), value('-g'))
  }
}

/** The form without a shell, in which signals reach the program itself. */
function listIn(text: string): string[] {
  const list: unknown = JSON.parse(text)
  if (!Array.isArray(list)) throw new Error(`${text}: expected a list of words`)
  return list.map(String)
}
