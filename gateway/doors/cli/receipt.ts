/** `atlas receipt verify`: what a receipt attests, checked without the gateway that made it. */
import { existsSync, readFileSync, statSync } from 'node:fs'
import type { Command } from 'commander'
import { sha256 } from '#contract'
import { checkReceipt, FileShelf, type Jwks, MOST_RECEIPT_BYTES, publicKeys, readJwks, readReceiptText, type ReceiptText } from '../../vault/index.ts'
import { DEFAULT_FILE, Failure, load } from './context.ts'
import type { Common } from './printing.ts'

interface Options extends Common {
  readonly jwks?: string
  readonly url?: string
  readonly request?: string
  readonly answer?: string
}

const FETCH_WITHIN_MS = 10_000

export function addReceiptCommands(program: Command, common: (command: Command) => Command): void {
  const receipt = program.command('receipt').description('signed receipts of charged calls')
  common(receipt.command('verify <file>').description('check a receipt: the JSON answer of GET /receipts/<id>, or its compact JWS'))
    .option('--jwks <file>', 'the keys, as GET /.well-known/jwks.json answers them')
    .option('--url <url>', 'fetch the keys from this gateway, for example https://atlas.example')
    .option('--request <file>', 'compare the request: METHOD and path with query on the first line, then the body, byte for byte')
    .option('--answer <file>', 'compare the body of the answer, byte for byte')
    .addHelpText(
      'after',
      '\nKeys are taken from --jwks, --url or --config where one is given; else from the file itself, else from the data folder of ./gateway.config.yml.',
    )
    .action(verify)
}

async function verify(file: string, options: Options): Promise<void> {
  const text = readReceiptText(read(file, MOST_RECEIPT_BYTES).toString('utf8'))
  if ('wrong' in text) throw new Failure(`${file}: ${text.wrong}`)
  const { jwks, from } = await keysFor(text, options)
  const checked = checkReceipt(text, jwks)
  if ('wrong' in checked) throw new Failure(`${file}: ${checked.wrong}`)
  const { payload, kid } = checked
  const compared = [compare('request_digest', options.request, payload), compare('answer_digest', options.answer, payload)].flat()
  process.stderr.write(`keys from ${from}\n`)
  const lines: [string, unknown][] = [
    ...Object.entries(payload).flatMap(flattened),
    ['signed by', kid],
    ...compared.map((name): [string, string] => [name, 'the same']),
  ]
  const value = { verified: true, kid, keys_from: from, compared, receipt: payload }
  process.stdout.write(
    `${options.json === true ? JSON.stringify(value, null, 2) : lines.map(([name, said]) => `${name.padEnd(16)}  ${shown(said)}`).join('\n')}\n`,
  )
}

/** @throws Failure with a sentence */
function read(file: string, most: number): Buffer {
  try {
    if (statSync(file).size > most) throw new Failure(`${file} is larger than ${most} bytes; it is no receipt`)
    return readFileSync(file)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`${file} cannot be read; expected a file`)
  }
}

/** What was named on the command line comes before what anybody may have written into the file. */
async function keysFor(text: ReceiptText, { jwks, url, config }: Options): Promise<{ jwks: Jwks; from: string }> {
  if (jwks !== undefined) return { jwks: setOf(read(jwks, MOST_RECEIPT_BYTES).toString('utf8'), jwks), from: jwks }
  if (url !== undefined) return { jwks: await fetched(url), from: url }
  if (config !== undefined) return kept(config)
  if (text.jwks !== undefined) return { jwks: text.jwks, from: 'the file itself: the receipt is whole, but who made it is not proven' }
  if (existsSync(DEFAULT_FILE)) return kept(DEFAULT_FILE)
  throw new Failure('there are no keys to check it with; say --jwks FILE, --url URL of the gateway, or --config FILE', 2)
}

async function kept(file: string): Promise<{ jwks: Jwks; from: string }> {
  const { config } = await load(file)
  if (config === undefined) throw new Failure(`${file} is not good; atlas check says why`)
  const jwks = await publicKeys(new FileShelf(config.store.path))
  if (jwks === undefined)
    throw new Failure(`no receipt was ever signed by the gateway of ${file}: ${config.store.path} has no keys; say --jwks FILE or --url URL`)
  return { jwks, from: config.store.path }
}

async function fetched(url: string): Promise<Jwks> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new Failure(`--url ${url} is no address; expected for example https://atlas.example`, 2)
  const from = new URL('/.well-known/jwks.json', url).href
  try {
    const response = await fetch(from, { signal: AbortSignal.timeout(FETCH_WITHIN_MS), redirect: 'error' })
    if (!response.ok) throw new Failure(`${from} answered ${response.status}; it has no keys to check the receipt with`)
    const text = await response.text()
    return setOf(text.slice(0, MOST_RECEIPT_BYTES), from)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`${from} cannot be reached; say --jwks FILE to check the receipt without it`)
  }
}

function setOf(text: string, from: string): Jwks {
  try {
    const jwks = readJwks(JSON.parse(text))
    if (jwks !== undefined) return jwks
  } catch {}
  throw new Failure(`${from} is no set of keys; expected what GET /.well-known/jwks.json answers`)
}

const WHY = {
  request_digest: 'it is another request, or its path is written in another way than the gateway writes it',
  answer_digest: 'it is another answer',
}

/** Names of what was compared and is the same. @throws Failure */
function compare(member: keyof typeof WHY, file: string | undefined, payload: Readonly<Record<string, unknown>>): string[] {
  if (file === undefined) return []
  const digest = sha256(read(file, 1024 ** 3))
  if (digest !== payload[member]) throw new Failure(`${file} does not match ${member}: ${WHY[member]}`)
  return [member]
}

const flattened = ([name, value]: [string, unknown]): [string, unknown][] =>
  typeof value === 'object' && value !== null ? Object.entries(value).map(([inner, said]): [string, unknown] => [`${name} ${inner}`, said]) : [[name, value]]

/** What is printed on a terminal has no control characters, whoever signed it. */
const shown = (value: unknown): string => String(value).replace(/\p{C}/gu, '?')
